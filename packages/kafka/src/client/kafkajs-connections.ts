import { ExponentialBackoff } from "@waybill/core/spi";
import kafkajs, { type Kafka } from "kafkajs";
import { errorType } from "../errors.ts";
import type { ClientSettings } from "./client-settings.ts";
import { Coordinators } from "./coordinators.ts";
import type {
  ClusterConnections,
  CommittedOffset,
  EncodedAssignment,
  FetchedPartition,
  FetchRequest,
  JoinAnswer,
  JoinRequest,
  Membership,
  NewTopic,
  PartitionBatch,
  PartitionOffset,
  PartitionResult,
} from "./kafka-client.ts";
import {
  apiKeys,
  type Broker,
  type BrokerPool,
  type ClusterMetadata,
  openCluster,
  type ProtocolCall,
  requests,
} from "./kafkajs-internals.ts";
import { produceCall, readFetch } from "./kafkajs-messages.ts";
import { repair, sever } from "./kafkajs-repairs.ts";
import type { LeaderCache } from "./leader-cache.ts";

const readCommitted = 1;
const consumerReplica = -1;

/** One set of kafkajs's connections. */
export class KafkajsConnections implements ClusterConnections {
  readonly #settings: ClientSettings;
  readonly #pool: BrokerPool;
  readonly #leaders: LeaderCache;
  readonly #looking = new Map<string, Promise<readonly number[]>>();
  readonly #coordinators = new Coordinators();
  /** kafkajs's broker list does not bear two refreshes at once. */
  #refreshing: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** `leaders`: what all connections of a client know, so that one looks up nothing that another has. */
  constructor(kafka: Kafka, settings: ClientSettings, leaders: LeaderCache) {
    this.#settings = settings;
    this.#leaders = leaders;
    this.#pool = openCluster(kafka).brokerPool;
    const { brokers: bootstrap, connectTimeoutMs } = settings;
    repair(this.#pool, { bootstrap, connectTimeoutMs, isClosed: () => this.#closed });
  }

  open(): Promise<void> {
    return this.#pool.connect();
  }

  close(): void {
    this.#closed = true;
    this.#severAll(this.#pool.seedBroker, "The client is closed");
    for (const broker of Object.values(this.#pool.brokers)) this.#severAll(broker, "The client is closed");
  }

  drop(node: number): void {
    this.#severAll(this.#pool.brokers[node], "The connection is in doubt");
  }

  leaders(topic: string, refresh = false): Promise<readonly number[]> {
    const known = refresh ? undefined : this.#leaders.get(topic);
    if (known !== undefined) return Promise.resolve(known);
    let looking = this.#looking.get(topic);
    if (looking === undefined) {
      looking = this.#lookUp(topic).finally(() => this.#looking.delete(topic));
      this.#looking.set(topic, looking);
    }
    return looking;
  }

  async topicNames(): Promise<readonly string[]> {
    const broker = await this.#anyBroker();
    const call = broker.lookupRequest(apiKeys.metadata, requests.Metadata)({ topics: [] });
    const metadata = await this.#send<ClusterMetadata>(broker, {
      ...call,
      // One broken topic must not hide the others.
      response: { ...call.response, parse: async (decoded) => decoded },
    });
    return metadata.topicMetadata.map(({ topic }) => topic);
  }

  async createTopic({ name, partitions, replicationFactor, config }: NewTopic): Promise<boolean> {
    const topic = {
      topic: name,
      numPartitions: partitions,
      replicationFactor,
      configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
    };
    const timeout = this.#settings.requestTimeoutMs;
    let made = true;
    try {
      await this.#withController((broker) => broker.createTopics({ topics: [topic], timeout }));
    } catch (error) {
      if (errorType(error) !== "TOPIC_ALREADY_EXISTS") throw error;
      made = false;
    }
    await this.#known(name);
    return made;
  }

  async createPartitions(topic: string, count: number): Promise<void> {
    const timeout = this.#settings.requestTimeoutMs;
    await this.#withController((broker) =>
      broker.createPartitions({ topicPartitions: [{ topic, count }], timeout }),
    );
    this.#leaders.delete(topic);
  }

  async deleteTopic(topic: string): Promise<void> {
    const timeout = this.#settings.requestTimeoutMs;
    try {
      await this.#withController((broker) => broker.deleteTopics({ topics: [topic], timeout }));
    } catch (error) {
      if (errorType(error) !== "UNKNOWN_TOPIC_OR_PARTITION") throw error;
    }
    this.#leaders.delete(topic);
  }

  async produce(
    node: number,
    topic: string,
    batches: readonly PartitionBatch[],
  ): Promise<readonly PartitionResult[]> {
    const broker = await this.#broker(node);
    const call = produceCall(topic, batches, {
      timeoutMs: this.#settings.requestTimeoutMs,
      compress: this.#settings.compression === "gzip",
      maxVersion: broker.versions[apiKeys.produce]?.maxVersion ?? 0,
    });
    const results = await this.#send<ReadonlyMap<number, PartitionResult>>(broker, call);
    return batches.map(
      ({ partition }) =>
        results.get(partition) ?? {
          baseOffset: -1,
          error: new kafkajs.KafkaJSNonRetriableError(`No answer for partition ${partition} of ${topic}`),
        },
    );
  }

  async fetch(node: number, request: FetchRequest): Promise<readonly FetchedPartition[]> {
    const broker = await this.#broker(node);
    const topics = new Map<string, object[]>();
    const from = new Map<string, number>();
    for (const { topic, partition, offset, maxBytes } of request.positions) {
      const partitions = topics.get(topic) ?? [];
      if (partitions.length === 0) topics.set(topic, partitions);
      partitions.push({ partition, fetchOffset: offset, maxBytes });
      from.set(`${topic} ${partition}`, offset);
    }
    const call = broker.lookupRequest(
      apiKeys.fetch,
      requests.Fetch,
    )({
      replicaId: consumerReplica,
      isolationLevel: readCommitted,
      maxWaitTime: request.maxWaitMs,
      minBytes: 1,
      maxBytes: request.maxBytes,
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    });
    return this.#send(
      broker,
      readFetch(call, (topic, partition) => from.get(`${topic} ${partition}`) ?? 0),
    );
  }

  async listOffsets(
    topic: string,
    partitions: readonly number[],
    at: "earliest" | "latest" | number,
  ): Promise<Map<number, number>> {
    const timestamp = at === "earliest" ? -2 : at === "latest" ? -1 : at;
    const leaders = await this.leaders(topic);
    const byNode = Map.groupBy(partitions, (partition) => leaders[partition] ?? -1);
    const offsets = new Map<number, number>();
    const ask = Promise.all(
      [...byNode].map(async ([node, own]) => {
        const broker = await this.#broker(node);
        const { responses } = await broker.listOffsets({
          replicaId: consumerReplica,
          isolationLevel: readCommitted,
          topics: [{ topic, partitions: own.map((partition) => ({ partition, timestamp })) }],
        });
        for (const response of responses) {
          for (const { partition, offset } of response.partitions) offsets.set(partition, Number(offset));
        }
      }),
    );
    // Whatever failed, the next question begins with who leads.
    await ask.catch((cause) => {
      this.#leaders.delete(topic);
      throw cause;
    });
    return offsets;
  }

  joinGroup(request: JoinRequest): Promise<JoinAnswer> {
    return this.#withCoordinator(request.groupId, async (broker) => {
      const join = (memberId: string) =>
        this.#send<{
          generationId: number;
          leaderId: string;
          memberId: string;
          members: { memberId: string; memberMetadata: Buffer }[];
        }>(
          broker,
          broker.lookupRequest(
            apiKeys.joinGroup,
            requests.JoinGroup,
          )({
            groupId: request.groupId,
            sessionTimeout: request.sessionTimeoutMs,
            rebalanceTimeout: request.rebalanceTimeoutMs,
            memberId,
            protocolType: "consumer",
            groupProtocols: [{ name: request.protocol, metadata: Buffer.from(request.metadata) }],
          }),
        );
      const answer = await join(request.memberId).catch((error: Error & { memberId?: string }) => {
        if (error.name !== "KafkaJSMemberIdRequired" || error.memberId === undefined) throw error;
        request.onMemberId(error.memberId);
        return join(error.memberId);
      });
      return {
        memberId: answer.memberId,
        generation: answer.generationId,
        isLeader: answer.leaderId === answer.memberId,
        members: answer.members.map((member) => ({
          memberId: member.memberId,
          metadata: member.memberMetadata,
        })),
      };
    });
  }

  syncGroup(member: Membership, assignments: readonly EncodedAssignment[]): Promise<Uint8Array> {
    const { groupId, memberId, generation } = member;
    return this.#withCoordinator(groupId, async (broker) => {
      const { memberAssignment } = await broker.syncGroup({
        groupId,
        memberId,
        generationId: generation,
        groupAssignment: assignments.map(({ memberId: id, assignment }) => ({
          memberId: id,
          memberAssignment: Buffer.from(assignment),
        })),
      });
      return memberAssignment;
    });
  }

  async heartbeat({ groupId, memberId, generation }: Membership): Promise<void> {
    await this.#withCoordinator(groupId, (broker) =>
      broker.heartbeat({ groupId, memberId, groupGenerationId: generation }),
    );
  }

  async leaveGroup(groupId: string, memberId: string): Promise<void> {
    await this.#withCoordinator(groupId, (broker) => broker.leaveGroup({ groupId, memberId }));
  }

  async commitOffsets(
    { groupId, memberId, generation }: Membership,
    offsets: readonly PartitionOffset[],
  ): Promise<void> {
    const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([topic, partitions]) => ({
      topic,
      partitions,
    }));
    await this.#withCoordinator(groupId, (broker) =>
      broker.offsetCommit({ groupId, memberId, groupGenerationId: generation, topics }),
    );
  }

  async committedOffsets(
    groupId: string,
    topic: string,
    partitions: readonly number[],
  ): Promise<Map<number, number>> {
    const committed = await this.committed(groupId, topic, partitions);
    return new Map([...committed].map(([partition, { offset }]) => [partition, offset]));
  }

  committed(
    groupId: string,
    topic: string,
    partitions: readonly number[],
  ): Promise<Map<number, CommittedOffset>> {
    return this.#withCoordinator(groupId, async (broker) => {
      const { responses } = await broker.offsetFetch({
        groupId,
        topics: [{ topic, partitions: partitions.map((partition) => ({ partition })) }],
      });
      const found = new Map(partitions.map((partition) => [partition, { offset: -1, metadata: "" }]));
      for (const response of responses) {
        for (const { partition, offset, metadata } of response.partitions)
          found.set(partition, { offset: Number(offset), metadata: metadata ?? "" });
      }
      return found;
    });
  }

  async deleteGroup(groupId: string): Promise<void> {
    const error = await this.#withCoordinator(
      groupId,
      async (broker) => (await broker.deleteGroups([groupId])).results[0]?.error,
    );
    if (error !== undefined && errorType(error) !== "GROUP_ID_NOT_FOUND") throw error;
  }

  async #lookUp(topic: string): Promise<readonly number[]> {
    this.#leaders.delete(topic);
    const metadata = await this.#refresh([topic]);
    const found = metadata.topicMetadata.find((one) => one.topic === topic);
    const leaders: number[] = [];
    for (const { partitionId, leader } of found?.partitionMetadata ?? []) leaders[partitionId] = leader;
    this.#leaders.set(topic, leaders);
    return leaders;
  }

  /** Until every broker asked knows a topic that was just made, and its leaders. */
  async #known(topic: string): Promise<void> {
    const deadline = performance.now() + this.#settings.requestTimeoutMs;
    const pauses = new ExponentialBackoff({ firstMs: 10, maxMs: 500 });
    for (;;) {
      try {
        await this.leaders(topic, true);
        return;
      } catch (error) {
        const type = errorType(error);
        const soon = type === "UNKNOWN_TOPIC_OR_PARTITION" || type === "LEADER_NOT_AVAILABLE";
        if (!soon || performance.now() > deadline) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pauses.next()));
    }
  }

  #refresh(topics: readonly string[]): Promise<ClusterMetadata> {
    const refreshed = this.#refreshing.then(async () => {
      await this.#pool.refreshMetadata(topics);
      return this.#pool.metadata as ClusterMetadata;
    });
    this.#refreshing = refreshed.catch(() => {});
    return refreshed;
  }

  /** Any broker that is connected; kafkajs connects one if none is. */
  async #anyBroker(): Promise<Broker> {
    await this.#pool.connect();
    return this.#pool.findConnectedBroker();
  }

  async #broker(node: number): Promise<Broker> {
    if (this.#pool.brokers[node] === undefined) await this.#refresh([]);
    return this.#pool.findBroker({ nodeId: node });
  }

  async #withController<T>(work: (broker: Broker) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      const metadata = await this.#refresh([]);
      try {
        return await work(await this.#broker(metadata.controllerId));
      } catch (error) {
        if (attempt > 0 || errorType(error) !== "NOT_CONTROLLER") throw error;
      }
    }
  }

  async #withCoordinator<T>(groupId: string, work: (broker: Broker) => Promise<T>): Promise<T> {
    const node = await this.#coordinators.of(groupId, async () => {
      const broker = await this.#anyBroker();
      const { coordinator } = await broker.findGroupCoordinator({ groupId, coordinatorType: 0 });
      return coordinator.nodeId;
    });
    try {
      return await work(await this.#broker(node));
    } catch (error) {
      // A protocol error that names the member or its generation comes from the right coordinator.
      const type = errorType(error);
      if (type === undefined || coordinatorMoved.has(type)) this.#coordinators.forget(groupId);
      throw error;
    }
  }

  #send<T>(broker: Broker, call: ProtocolCall): Promise<T> {
    return broker.connectionPool.send(call) as Promise<T>;
  }

  #severAll(broker: Broker | undefined, why: string): void {
    for (const connection of broker?.connectionPool.pool ?? []) sever(connection, why);
  }
}

const coordinatorMoved = new Set([
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR_FOR_GROUP",
  "GROUP_LOAD_IN_PROGRESS",
]);
