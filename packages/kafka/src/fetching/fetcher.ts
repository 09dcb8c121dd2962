import type { FetchedPartition, KafkaLink } from "../client.ts";
import { errorType, isTransient, LeaderMovedError } from "../errors.ts";
import type { Lane } from "./lane.ts";
import type { Lanes } from "./lanes.ts";

export interface FetcherOptions {
  readonly maxBytes: number;
  /** Something failed that will be tried again. */
  readonly onTrouble: (cause: unknown) => void;
  /** Something failed for good. */
  readonly onFailure: (cause: unknown) => void;
}

/**
 * How long the broker may wait for records. A lane that becomes free to read while
 * a fetch of others waits has to wait for its end, so this is short.
 */
const maxWaitMs = 250;
/**
 * How long it may wait while other lanes are full: they run low in no time, and would
 * have to wait for a fetch of what may be an empty retry topic.
 */
const shortWaitMs = 5;
const maxPartitionBytes = 1_048_576;
const minPartitionBytes = 65_536;
const backoff = { firstMs: 50, mostMs: 1_000 };
/** For how long a topic may be unknown before it counts as deleted: brokers learn of changes at different times. */
const unknownTopicMs = 5_000;

/** Keeps lanes filled: one fetch at a time from each broker that leads one of them. */
export class Fetcher {
  readonly #link: KafkaLink;
  readonly #lanes: Lanes;
  readonly #options: FetcherOptions;
  readonly #leaders = new Map<string, readonly number[]>();
  readonly #busy = new Set<number>();
  readonly #unknownSince = new Map<string, number>();
  #failures = 0;
  #looking = false;
  #turn = 0;
  #takenBefore = 0;
  #timer: NodeJS.Timeout | undefined;
  #restTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(link: KafkaLink, lanes: Lanes, options: FetcherOptions) {
    this.#link = link;
    this.#lanes = lanes;
    this.#options = options;
    lanes.onRoom = () => this.#pump();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#restTimer);
  }

  #pump(rested = false): void {
    if (this.#closed) return;
    const hungry = this.#lanes.hungry(Date.now());
    clearTimeout(this.#restTimer);
    if (!rested && this.#rests(hungry)) {
      this.#restTimer = setTimeout(() => this.#pump(true), maxWaitMs);
      return;
    }
    const byNode = new Map<number, Lane[]>();
    for (const lane of hungry) {
      const node = this.#leaders.get(lane.topic)?.[lane.partition];
      if (node === undefined) {
        // It may be younger than what is known of its topic.
        this.#leaders.delete(lane.topic);
        void this.#lookUpLeaders();
        continue;
      }
      if (this.#busy.has(node)) continue;
      const lanes = byNode.get(node);
      if (lanes === undefined) byNode.set(node, [lane]);
      else lanes.push(lane);
    }
    for (const [node, lanes] of byNode) void this.#fetch(node, lanes);
  }

  async #fetch(node: number, lanes: readonly Lane[]): Promise<void> {
    this.#busy.add(node);
    for (const lane of lanes) lane.fetching = true;
    const maxBytes = Math.min(
      maxPartitionBytes,
      Math.max(minPartitionBytes, Math.floor(this.#options.maxBytes / lanes.length)),
    );
    try {
      const fetched = await this.#link.fetch(node, {
        maxWaitMs: this.#lanes.someFull ? shortWaitMs : maxWaitMs,
        maxBytes: this.#options.maxBytes,
        positions: this.#inTurn(lanes).map(({ topic, partition, position }) => ({
          topic,
          partition,
          offset: position,
          maxBytes,
        })),
      });
      this.#failures = 0;
      for (const lane of lanes) lane.fetching = false;
      for (const part of fetched) await this.#accept(part, lanes);
      this.#lanes.filled();
    } catch (cause) {
      for (const lane of lanes) lane.fetching = false;
      if (!this.#closed) this.#failed(cause, lanes);
    } finally {
      this.#busy.delete(node);
    }
    this.#pump();
  }

  /**
   * Some lanes are full and nothing was taken since the last fetch: what the others
   * have can wait for a moment, or for core to take something.
   */
  #rests(hungry: readonly Lane[]): boolean {
    const { taken } = this.#lanes;
    const rests = hungry.length > 0 && taken === this.#takenBefore && this.#lanes.someFull;
    this.#takenBefore = taken;
    return rests;
  }

  /** A broker fills its answer in the order asked, so each lane must come first at times. */
  #inTurn(lanes: readonly Lane[]): readonly Lane[] {
    const start = this.#turn++ % lanes.length;
    return [...lanes.slice(start), ...lanes.slice(0, start)];
  }

  async #accept(part: FetchedPartition, asked: readonly Lane[]): Promise<void> {
    const lane = this.#lanes.get(part.topic, part.partition);
    if (lane === undefined || !lane.open || !asked.includes(lane)) return;
    if (part.error === undefined) {
      this.#unknownSince.delete(part.topic);
      lane.append(part.records, part.nextOffset);
    } else if (errorType(part.error) === "OFFSET_OUT_OF_RANGE") {
      await this.#backIntoRange(lane, part.error);
    } else {
      this.#failed(part.error, [lane]);
    }
  }

  /**
   * What was to be read next is gone: deleted for its age, or lost with a broker that had
   * not replicated it, or with the whole topic. What has come in its place since is unread,
   * wherever it begins. If nothing is gone, a broker has spoken that was behind.
   */
  async #backIntoRange(lane: Lane, cause: unknown): Promise<void> {
    try {
      const earliest = (await this.#link.listOffsets(lane.topic, [lane.partition], "earliest")).get(
        lane.partition,
      );
      const latest = (await this.#link.listOffsets(lane.topic, [lane.partition], "latest")).get(
        lane.partition,
      );
      if (earliest === undefined || latest === undefined) return;
      if (lane.position >= earliest && lane.position <= latest) {
        this.#failed(new LeaderMovedError(lane.topic), [lane]);
        return;
      }
      this.#options.onTrouble(cause);
      lane.position = earliest;
    } catch (failure) {
      this.#failed(failure, [lane]);
    }
  }

  #failed(cause: unknown, lanes: readonly Lane[]): void {
    const type = errorType(cause);
    const unknown = type === "UNKNOWN_TOPIC_OR_PARTITION";
    if (!unknown && !isTransient(cause)) {
      this.#end(cause);
      return;
    }
    // Leaders that move are everyday life; the rest deserves a word.
    if (type === undefined) this.#options.onTrouble(cause);
    const waitMs = Math.min(backoff.mostMs, backoff.firstMs * 2 ** this.#failures++);
    const retryAt = Date.now() + waitMs;
    for (const lane of lanes) {
      lane.retryAt = retryAt;
      this.#leaders.delete(lane.topic);
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
    for (const lane of this.#lanes.all) if (!this.#leaders.has(lane.topic)) topics.add(lane.topic);
    for (const topic of topics) {
      try {
        const leaders = await this.#link.leaders(topic, true);
        this.#leaders.set(topic, leaders);
        this.#unknownSince.delete(topic);
        this.#notBefore(backoff.mostMs, topic, leaders);
      } catch (cause) {
        if (this.#closed) return;
        const lanes = [...this.#lanes.all].filter((lane) => lane.topic === topic);
        if (errorType(cause) === "UNKNOWN_TOPIC_OR_PARTITION" && this.#isGone(topic)) this.#end(cause);
        else this.#failed(cause, lanes);
      }
    }
    this.#looking = false;
    this.#pump();
  }

  /** Partitions that whoever was asked has not heard of yet are asked for again later. */
  #notBefore(ms: number, topic: string, leaders: readonly number[]): void {
    const unheardOf = [...this.#lanes.all].filter(
      (lane) => lane.topic === topic && leaders[lane.partition] === undefined,
    );
    if (unheardOf.length === 0) return;
    for (const lane of unheardOf) lane.retryAt = Math.max(lane.retryAt, Date.now() + ms);
    this.#pumpIn(ms);
  }

  #isGone(topic: string): boolean {
    const since = this.#unknownSince.get(topic) ?? Date.now();
    this.#unknownSince.set(topic, since);
    return Date.now() - since >= unknownTopicMs;
  }
}
