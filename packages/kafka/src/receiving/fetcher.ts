import { ExponentialBackoff, type PartitionBuffers } from "@waybill/core/spi";
import type { ClusterConnections, FetchedPartition, FetchRequest } from "../client/kafka-client.ts";
import { errorType, isTransient, LeaderMovedError } from "../errors.ts";
import type { IncomingRecord } from "../mapping.ts";
import { type KafkaPartition, partitionId } from "./partition.ts";

type Partitions = PartitionBuffers<IncomingRecord, KafkaPartition>;

export interface FetcherOptions {
  /** The most bytes to take from one broker at once. */
  readonly maxBytes: number;
  /** Something failed that will be tried again. */
  readonly report: (cause: unknown) => void;
  /** Something failed for good. */
  readonly onFailure: (cause: unknown) => void;
}

/**
 * How long the broker may wait for records. A partition that becomes free to read while
 * a fetch of others waits has to wait for its end, so this is short.
 */
const maxWaitMs = 250;
/**
 * How long it may wait while other partitions are full: they run low in no time, and would
 * have to wait for a fetch of what may be an empty retry topic.
 */
const shortWaitMs = 5;
const maxPartitionBytes = 1_048_576;
const minPartitionBytes = 65_536;
const backoff = { firstMs: 50, maxMs: 1_000 };
/** For how long a topic may be unknown before it counts as deleted: brokers learn of changes at different times. */
const unknownTopicMs = 5_000;

/** Keeps partitions filled: one fetch at a time from each broker that leads one of them. */
export class Fetcher {
  readonly #connections: ClusterConnections;
  readonly #partitions: Partitions;
  readonly #options: FetcherOptions;
  readonly #leaders = new Map<string, readonly number[]>();
  readonly #busy = new Set<number>();
  readonly #pauses = new ExponentialBackoff(backoff);
  readonly #unknownSince = new Map<string, number>();
  #looking = false;
  #turn = 0;
  #takenBefore = 0;
  #timer: NodeJS.Timeout | undefined;
  #restTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(connections: ClusterConnections, partitions: Partitions, options: FetcherOptions) {
    this.#connections = connections;
    this.#partitions = partitions;
    this.#options = options;
    partitions.onRoom = () => this.#pump();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#restTimer);
  }

  #pump(rested = false): void {
    if (this.#closed) return;
    const now = performance.now();
    const wanted = this.#partitions
      .withRoom()
      .filter(({ isFetching, retryAt }) => !isFetching && retryAt <= now);
    clearTimeout(this.#restTimer);
    if (!rested && this.#rests(wanted)) {
      this.#restTimer = setTimeout(() => this.#pump(true), maxWaitMs);
      return;
    }
    const byNode = new Map<number, KafkaPartition[]>();
    for (const partition of wanted) {
      const node = this.#leaders.get(partition.topic)?.[partition.partition];
      if (node === undefined) {
        // It may be younger than what is known of its topic.
        this.#leaders.delete(partition.topic);
        void this.#lookUpLeaders();
        continue;
      }
      if (this.#busy.has(node)) continue;
      const others = byNode.get(node);
      if (others === undefined) byNode.set(node, [partition]);
      else others.push(partition);
    }
    for (const [node, partitions] of byNode) void this.#fetch(node, partitions);
  }

  async #fetch(node: number, partitions: readonly KafkaPartition[]): Promise<void> {
    this.#busy.add(node);
    for (const partition of partitions) partition.isFetching = true;
    try {
      const fetched = await this.#connections.fetch(node, this.#request(partitions));
      this.#pauses.reset();
      for (const partition of partitions) partition.isFetching = false;
      const outOfRange: [KafkaPartition, unknown][] = [];
      for (const part of fetched) {
        const partition = this.#partitions.get(partitionId(part.topic, part.partition));
        if (partition === undefined || !partition.isOpen || !partitions.includes(partition)) continue;
        if (errorType(part.error) === "OFFSET_OUT_OF_RANGE") outOfRange.push([partition, part.error]);
        else this.#accept(part, partition);
      }
      for (const [partition, cause] of outOfRange) await this.#backIntoRange(partition, cause);
    } catch (cause) {
      for (const partition of partitions) partition.isFetching = false;
      if (!this.#closed) this.#failed(cause, partitions);
    } finally {
      this.#busy.delete(node);
    }
    this.#pump();
  }

  /** Asks for what there is room for; of a partition with none in its buffer the broker sends one batch whatever its size. */
  #request(partitions: readonly KafkaPartition[]): FetchRequest {
    const fair = Math.floor(this.#options.maxBytes / partitions.length);
    const usual = Math.min(maxPartitionBytes, Math.max(minPartitionBytes, fair));
    const { byteShare } = this.#partitions;
    let room = 0;
    const positions = this.#inTurn(partitions).map(({ topic, partition, position, bytes }) => {
      const maxBytes = Math.max(1, Math.min(usual, byteShare - bytes));
      room += maxBytes;
      return { topic, partition, offset: position, maxBytes };
    });
    return {
      maxWaitMs: this.#partitions.someFull ? shortWaitMs : maxWaitMs,
      maxBytes: Math.min(this.#options.maxBytes, room),
      positions,
    };
  }

  /**
   * Some partitions are full and nothing was taken since the last fetch: what the others
   * have can wait for a moment, or for core to take something.
   */
  #rests(wanted: readonly KafkaPartition[]): boolean {
    const { taken } = this.#partitions;
    const rests = wanted.length > 0 && taken === this.#takenBefore && this.#partitions.someFull;
    this.#takenBefore = taken;
    return rests;
  }

  /** A broker fills its answer in the order asked, so each partition must come first at times. */
  #inTurn(partitions: readonly KafkaPartition[]): readonly KafkaPartition[] {
    const start = this.#turn++ % partitions.length;
    return [...partitions.slice(start), ...partitions.slice(0, start)];
  }

  #accept(part: FetchedPartition, partition: KafkaPartition): void {
    if (part.error !== undefined) {
      this.#failed(part.error, [partition]);
      return;
    }
    this.#unknownSince.delete(part.topic);
    partition.append(part.records, part.nextOffset);
    if (part.records.length > 0) this.#partitions.arrived(partition);
  }

  /**
   * What was to be read next is gone: deleted for its age, or lost with a broker that had
   * not replicated it, or with the whole topic. What has come in its place since is unread,
   * wherever it begins. If nothing is gone, a broker has spoken that was behind.
   */
  async #backIntoRange(partition: KafkaPartition, cause: unknown): Promise<void> {
    try {
      const { topic, partition: number } = partition;
      const earliest = (await this.#connections.listOffsets(topic, [number], "earliest")).get(number);
      const latest = (await this.#connections.listOffsets(topic, [number], "latest")).get(number);
      if (earliest === undefined || latest === undefined) return;
      if (partition.position >= earliest && partition.position <= latest) {
        this.#failed(new LeaderMovedError(partition.topic), [partition]);
        return;
      }
      this.#options.report(cause);
      partition.position = earliest;
    } catch (failure) {
      this.#failed(failure, [partition]);
    }
  }

  #failed(cause: unknown, partitions: readonly KafkaPartition[]): void {
    const type = errorType(cause);
    const unknown = type === "UNKNOWN_TOPIC_OR_PARTITION";
    if (!unknown && !isTransient(cause)) {
      this.#end(cause);
      return;
    }
    // Leaders that move are everyday life; the rest deserves a word.
    if (type === undefined) this.#options.report(cause);
    const waitMs = this.#pauses.next();
    const retryAt = performance.now() + waitMs;
    for (const partition of partitions) {
      // Never sooner than it was to be: one whose position is not known yet is not to be read at all.
      partition.retryAt = Math.max(partition.retryAt, retryAt);
      this.#leaders.delete(partition.topic);
    }
    this.#pumpIn(waitMs);
  }

  #end(cause: unknown): void {
    this.close();
    this.#options.onFailure(cause);
  }

  #pumpIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#pump(), ms + 1);
  }

  async #lookUpLeaders(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const topics = new Set<string>();
    for (const partition of this.#partitions.all)
      if (!this.#leaders.has(partition.topic)) topics.add(partition.topic);
    for (const topic of topics) {
      try {
        const leaders = await this.#connections.leaders(topic, true);
        this.#leaders.set(topic, leaders);
        this.#unknownSince.delete(topic);
        this.#notBefore(backoff.maxMs, topic, leaders);
      } catch (cause) {
        if (this.#closed) return;
        const partitions = [...this.#partitions.all].filter((partition) => partition.topic === topic);
        if (errorType(cause) === "UNKNOWN_TOPIC_OR_PARTITION" && this.#isGone(topic)) this.#end(cause);
        else this.#failed(cause, partitions);
      }
    }
    this.#looking = false;
    this.#pump();
  }

  /** Partitions that whoever was asked has not heard of yet are asked for again later. */
  #notBefore(ms: number, topic: string, leaders: readonly number[]): void {
    const unheardOf = [...this.#partitions.all].filter(
      (partition) => partition.topic === topic && leaders[partition.partition] === undefined,
    );
    if (unheardOf.length === 0) return;
    for (const partition of unheardOf)
      partition.retryAt = Math.max(partition.retryAt, performance.now() + ms);
    this.#pumpIn(ms);
  }

  #isGone(topic: string): boolean {
    const since = this.#unknownSince.get(topic) ?? performance.now();
    this.#unknownSince.set(topic, since);
    return performance.now() - since >= unknownTopicMs;
  }
}
