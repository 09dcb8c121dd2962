import { createRequire } from "node:module";
import type { Socket } from "node:net";
import kafkajs, { type Kafka } from "kafkajs";

/**
 * What this adapter uses of kafkajs beneath its producer and consumer: the
 * connections, the cluster's metadata and the protocol's messages. kafkajs is
 * pinned to one version, and `kafkajs-internals.test.ts` checks that all this is there.
 */
export interface Internals {
  readonly brokerPool: BrokerPool;
}

export interface BrokerPool {
  readonly connectionPoolBuilder: {
    build(destination?: { host?: string; port?: number; rack?: string }): Promise<ConnectionPool>;
  };
  readonly brokers: Readonly<Record<string, Broker>>;
  readonly seedBroker: Broker | undefined;
  readonly metadata: ClusterMetadata | null;
  createBroker(options: object): Broker;
  connect(): Promise<void>;
  refreshMetadata(topics: readonly string[]): Promise<void>;
  findBroker(node: { nodeId: string | number }): Promise<Broker>;
  findConnectedBroker(): Promise<Broker>;
}

export interface ClusterMetadata {
  readonly controllerId: number;
  readonly topicMetadata: readonly {
    readonly topic: string;
    readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: number }[];
  }[];
}

export interface ConnectionPool {
  readonly pool: readonly Connection[];
  send(call: ProtocolCall): Promise<unknown>;
}

export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly socket: Socket | undefined;
  readonly requestQueue: RequestQueue;
  /** What has come of an answer whose rest is still to come. */
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  processData(data: Buffer): void;
  /** Set while an answer to a login is waited for. */
  readonly authHandlers: { onError(): void } | null;
  sendAuthRequest(call: object): Promise<unknown>;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
  send(call: ProtocolCall): Promise<unknown>;
}

export interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
  rejectAll(error: Error): void;
}

/** One request of the protocol, and how its answer is read. */
export interface ProtocolCall {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    readonly expectResponse?: () => boolean;
    readonly encode: () => Promise<Encoded>;
  };
  readonly response: {
    decode(payload: Buffer): Promise<{ readonly clientSideThrottleTime?: number }>;
    // biome-ignore lint/suspicious/noExplicitAny: each request has its own answer
    parse(decoded: any): Promise<any>;
  };
  readonly requestTimeout?: number | null;
}

/** What kafkajs takes for an encoder of its own. */
export interface Encoded {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

type Definition = { readonly versions: readonly string[] };

export interface Broker {
  readonly nodeId: number | null;
  readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>;
  readonly connectionPool: ConnectionPool;
  lookupRequest(apiKey: number, definition: Definition): (fields: object) => ProtocolCall;
  disconnect(): Promise<void>;
  metadata(topics?: readonly string[]): Promise<ClusterMetadata>;
  findGroupCoordinator(group: {
    groupId: string;
    coordinatorType: number;
  }): Promise<{ coordinator: { nodeId: number } }>;
  syncGroup(request: object): Promise<{ memberAssignment: Buffer }>;
  heartbeat(request: object): Promise<unknown>;
  leaveGroup(request: object): Promise<unknown>;
  offsetCommit(request: object): Promise<unknown>;
  offsetFetch(request: object): Promise<{
    responses: {
      topic: string;
      partitions: { partition: number; offset: string; metadata?: string | null }[];
    }[];
  }>;
  listOffsets(request: object): Promise<{
    responses: { topic: string; partitions: { partition: number; offset: string }[] }[];
  }>;
  createTopics(request: object): Promise<unknown>;
  createPartitions(request: object): Promise<unknown>;
  deleteTopics(request: object): Promise<unknown>;
  deleteGroups(groupIds: readonly string[]): Promise<{ results: { error?: Error }[] }>;
}

const load = createRequire(import.meta.url);

const { requests } = load("kafkajs/src/protocol/requests/index.js") as {
  requests: Readonly<Record<"Fetch" | "Produce" | "JoinGroup" | "Metadata", Definition>>;
};
const { createErrorFromCode } = load("kafkajs/src/protocol/error.js") as {
  createErrorFromCode(code: number): Error;
};

/** The protocol's requests whose messages this adapter builds or reads itself. */
export { requests };

/** The error kafkajs makes for an error code of the protocol; `undefined` for success. */
export function protocolError(code: number): Error | undefined {
  return code === 0 ? undefined : createErrorFromCode(code);
}

/** The numbers of the protocol's requests (https://kafka.apache.org/protocol#protocol_api_keys). */
export const apiKeys = { produce: 0, fetch: 1, metadata: 3, joinGroup: 11 } as const;

/** A cluster of its own, by the way kafkajs opens to custom assignors. */
export function openCluster(kafka: Kafka): Internals {
  let cluster: unknown;
  kafka.consumer({
    groupId: "unused",
    allowAutoTopicCreation: false,
    partitionAssigners: [
      (config) => {
        cluster = config.cluster;
        return kafkajs.PartitionAssigners.roundRobin(config);
      },
    ],
  });
  return cluster as Internals;
}
