import type { IncomingRecord, OutgoingRecord } from "../mapping.ts";

/**
 * The few calls of a Kafka client that this adapter needs: the protocol's own, one
 * call each, with nothing retried and nothing cached but cluster metadata. All
 * that is policy (batching, group membership, positions, delays) is built on top,
 * so another client can replace kafkajs by implementing this file.
 */
export interface KafkaClient {
  /** What `connection.native` shows. */
  readonly native: unknown;
  /**
   * A set of connections of its own. Kafka answers the requests of one connection
   * in order, so what may wait at the broker (a join, a fetch) needs its own connections.
   */
  newConnections(): ClusterConnections;
  /** Closes the parts of `native` that were opened. Sets of connections are closed by their owners. */
  close(): Promise<void>;
}

/** Connections to the brokers of a cluster, made as they are needed. */
export interface ClusterConnections {
  /** Reaches one of the bootstrap brokers and authenticates. */
  open(): Promise<void>;
  /** Ends every connection at once; calls under way reject. Idempotent. */
  close(): void;
  /** Ends the connections to one broker, so that the next call makes new ones. */
  drop(node: number): void;

  /**
   * The node that leads each partition; the index is the partition. Cached until `refresh`.
   * Rejects with UNKNOWN_TOPIC_OR_PARTITION for a topic that does not exist, and never makes it.
   */
  leaders(topic: string, refresh?: boolean): Promise<readonly number[]>;
  /** The names of all topics that these credentials may see. */
  topicNames(): Promise<readonly string[]>;
  /** True: made now. False: it was there. Returns when the cluster knows it. */
  createTopic(topic: NewTopic): Promise<boolean>;
  /** Raises the number of partitions. */
  createPartitions(topic: string, count: number): Promise<void>;
  /** A topic that is not there is no error. */
  deleteTopic(topic: string): Promise<void>;

  /** Stores one batch per partition, confirmed by all in-sync replicas. One result per entry, in order. */
  produce(
    node: number,
    topic: string,
    batches: readonly PartitionBatch[],
  ): Promise<readonly PartitionResult[]>;
  /** Waits up to `maxWaitMs` for at least one record. */
  fetch(node: number, request: FetchRequest): Promise<readonly FetchedPartition[]>;
  /** The offset of each partition at that point: for a time the first record at or after it, or -1. */
  listOffsets(
    topic: string,
    partitions: readonly number[],
    at: "earliest" | "latest" | number,
  ): Promise<Map<number, number>>;

  joinGroup(request: JoinRequest): Promise<JoinAnswer>;
  /** Resolves with this member's assignment, as the leader encoded it. */
  syncGroup(member: Membership, assignments: readonly EncodedAssignment[]): Promise<Uint8Array>;
  heartbeat(member: Membership): Promise<void>;
  leaveGroup(groupId: string, memberId: string): Promise<void>;
  /** For no member (`memberId` empty, `generation` -1) only while the group has no members. */
  commitOffsets(member: Membership, offsets: readonly PartitionOffset[]): Promise<void>;
  /** -1 where nothing is committed. */
  committedOffsets(
    groupId: string,
    topic: string,
    partitions: readonly number[],
  ): Promise<Map<number, number>>;
  /** The same, with the text that was committed beside each. */
  committed(
    groupId: string,
    topic: string,
    partitions: readonly number[],
  ): Promise<Map<number, CommittedOffset>>;
  /** A group that is not there is no error. */
  deleteGroup(groupId: string): Promise<void>;
}

export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  /** -1: the broker's default. */
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
}

export interface PartitionBatch {
  readonly partition: number;
  readonly records: readonly OutgoingRecord[];
}

export interface PartitionResult {
  /** The offset of the batch's first record. */
  readonly baseOffset: number;
  /** When the broker stored it, where the topic has its records dated so (`LogAppendTime`); milliseconds since the epoch. */
  readonly appendedAt?: number | undefined;
  /** Why the batch was not stored. */
  readonly error: unknown;
}

export interface FetchRequest {
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly positions: readonly FetchPosition[];
}

export interface FetchPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
}

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly error: unknown;
  /** In order, from the position asked for; without control records and what was rolled back. */
  readonly records: readonly IncomingRecord[];
  /** Where to read next, past what was left out too. */
  readonly nextOffset: number;
}

export interface Membership {
  readonly groupId: string;
  readonly memberId: string;
  readonly generation: number;
}

export interface JoinRequest {
  readonly groupId: string;
  /** Empty for a new member. */
  readonly memberId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** The name of the assignor, which all members must share. */
  readonly protocol: string;
  readonly metadata: Uint8Array;
  /** Called as soon as the coordinator has given a member id: it must leave even if the join never ends. */
  onMemberId(memberId: string): void;
}

export interface JoinAnswer {
  readonly memberId: string;
  readonly generation: number;
  readonly isLeader: boolean;
  /** All members with their metadata, for the leader only. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Uint8Array }[];
}

export interface EncodedAssignment {
  readonly memberId: string;
  readonly assignment: Uint8Array;
}

export interface PartitionOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** A text to keep beside it, of at most the broker's `offset.metadata.max.bytes` (4,096 by default). Default: none. */
  readonly metadata?: string;
}

export interface CommittedOffset {
  /** -1 where nothing is committed. */
  readonly offset: number;
  /** Empty where there is none. */
  readonly metadata: string;
}
