import { setTimeout as sleep } from "node:timers/promises";
import { systemClock, within } from "@waybill/core/spi";
import type { KafkaLink, OutgoingRecord } from "../client.ts";
import type { ConsumerContext } from "../consumer.ts";
import { errorType, isTransient } from "../errors.ts";
import { Fetcher } from "../fetching/fetcher.ts";
import { Lane } from "../fetching/lane.ts";
import { Lanes } from "../fetching/lanes.ts";
import { GroupMember } from "../groups/membership.ts";
import type { Publisher } from "../publishing/publisher.ts";
import { delayed, leavesAt, readWaiting, rungFor, type Waiting } from "./ladder.ts";

export interface MoverTask {
  readonly groupId: string;
  readonly delayTopic: string;
  /** Where a message goes that does not say; others go to this topic or to one whose name is derived from it. */
  readonly home: string;
}

/** Moved together, so that a burst costs few requests. */
const mostAtOnce = 500;
/** What waits is kept fetched only this far ahead of its time. */
const fetchAhead = mostAtOnce * 2;
const backoff = { firstMs: 100, mostMs: 2_000 };
/** Timers have a bound; a rung that wakes for nothing harms nobody. */
const longestRestMs = 60_000;
/** For how long a destination may be missing before what is due for it is given up. */
const missingDestinationMs = 60_000;
/** What is on its way when a mover closes gets this long to arrive and be committed. */
const farewellMs = 1_500;
/** How long leaving the group may take. */
const leavingMs = 2_000;

interface Rest {
  readonly untilFilled: boolean;
  readonly end: () => void;
}

/**
 * Moves delayed messages on when their time has come: to the next rung, or to where
 * they belong. Every process that consumes a topic runs one, all in one group, so
 * each rung has one mover. A message is confirmed at its next place before its last
 * one is committed; after a crash in between it is there twice.
 */
export class Mover {
  readonly #context: ConsumerContext;
  readonly #publisher: Publisher;
  readonly #task: MoverTask;
  readonly #link: KafkaLink;
  readonly #lanes = new Lanes(fetchAhead);
  readonly #fetcher: Fetcher;
  readonly #member: GroupMember;
  /** All rungs that are this mover's, also those whose place is still to be found. */
  readonly #rungs = new Map<number, Lane>();
  readonly #resting = new Map<Lane, Rest>();
  readonly #missingSince = new Map<string, number>();
  readonly #working = new Map<Lane, Promise<void>>();
  #closing: Promise<void> | undefined;

  /** `onEnd` is called if it cannot go on. */
  constructor(context: ConsumerContext, publisher: Publisher, task: MoverTask, onEnd: () => void) {
    const { settings, control } = context;
    this.#context = context;
    this.#publisher = publisher;
    this.#task = task;
    this.#link = context.link();
    const onTrouble = (cause: unknown) => this.#report(cause);
    const onFailure = (cause: unknown) => {
      this.#report(cause);
      void this.close().then(onEnd);
    };
    this.#fetcher = new Fetcher(this.#link, this.#lanes, {
      maxBytes: settings.fetchMaxBytes,
      onTrouble,
      onFailure,
    });
    this.#lanes.onFilled = () => {
      for (const [lane, rest] of this.#resting) if (rest.untilFilled && lane.buffered > 0) rest.end();
    };
    this.#member = new GroupMember(
      this.#link,
      control,
      { ...settings, groupId: task.groupId, topics: [task.delayTopic], orphans: context.orphans },
      {
        assigned: (partitions) => {
          for (const { partition } of partitions) this.#begin(partition);
        },
        revoking: (partitions) =>
          this.#finish(partitions.flatMap(({ partition }) => this.#rungs.get(partition) ?? [])),
        revoked: (partitions) => {
          for (const { partition } of partitions) this.#end(partition);
        },
        trouble: onTrouble,
        contact: () => {},
        failed: onFailure,
      },
    );
    this.#member.start();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#fetcher.close();
    await within(systemClock, farewellMs, this.#finish([...this.#rungs.values()]));
    for (const rung of [...this.#rungs.keys()]) this.#end(rung);
    this.#link.close();
    await within(systemClock, leavingMs, this.#member.close());
  }

  #begin(rung: number): void {
    if (this.#closing !== undefined) return;
    const lane = new Lane(this.#task.delayTopic, rung, -1);
    this.#rungs.set(rung, lane);
    const work = this.#work(lane).finally(() => this.#working.delete(lane));
    this.#working.set(lane, work);
  }

  /** Takes up nothing more, and waits until what is on its way is committed: the next mover would move it once more. */
  async #finish(lanes: readonly Lane[]): Promise<void> {
    for (const lane of lanes) {
      lane.stop("closing");
      this.#resting.get(lane)?.end();
    }
    await Promise.all(lanes.map((lane) => this.#working.get(lane)));
  }

  #end(rung: number): void {
    const lane = this.#rungs.get(rung);
    if (lane === undefined) return;
    this.#rungs.delete(rung);
    this.#lanes.delete(lane);
    lane.stop("gone");
    this.#resting.get(lane)?.end();
  }

  async #work(lane: Lane): Promise<void> {
    for (let waitMs = backoff.firstMs; lane.open; ) {
      try {
        if (lane.position < 0) await this.#position(lane);
        const wait = await this.#moveDue(lane);
        waitMs = backoff.firstMs;
        if (wait > 0) await this.#rest(lane, wait, wait === Number.POSITIVE_INFINITY);
      } catch (cause) {
        this.#report(cause);
        await this.#rest(lane, waitMs, false);
        waitMs = Math.min(backoff.mostMs, waitMs * 2);
      }
    }
  }

  async #position(lane: Lane): Promise<void> {
    const { control } = this.#context;
    const { topic, partition } = lane;
    const committed =
      (await control.committedOffsets(this.#task.groupId, topic, [partition])).get(partition) ?? -1;
    lane.position =
      committed >= 0
        ? committed
        : ((await control.listOffsets(topic, [partition], "earliest")).get(partition) ?? 0);
    if (lane.open) this.#lanes.add(lane);
  }

  /** Moves what is due. Returns after how many milliseconds the next one is; 0 for now. */
  async #moveDue(lane: Lane): Promise<number> {
    const now = Date.now();
    const due: Waiting[] = [];
    let last = -1;
    let wait = Number.POSITIVE_INFINITY;
    while (due.length < mostAtOnce) {
      const record = lane.peek();
      if (record === undefined) break;
      const waiting = readWaiting(record, this.#task.home);
      wait = leavesAt(waiting, lane.partition) - now;
      if (wait > 0) break;
      due.push(waiting);
      last = record.offset;
      lane.shift();
    }
    if (due.length === 0) return wait;
    this.#lanes.onRoom();
    await this.#move(due);
    if (!lane.alive) return 0;
    const { topic, partition } = lane;
    await this.#member.commit(
      () => (lane.alive ? [{ topic, partition, offset: last + 1 }] : []),
      this.#context.settings.requestTimeoutMs,
    );
    return 0;
  }

  /** Stores all of these at their next place, however often it takes. */
  async #move(due: readonly Waiting[]): Promise<void> {
    const now = Date.now();
    const { delayTopic } = this.#task;
    const byTopic = new Map<string, OutgoingRecord[]>();
    for (const waiting of due) {
      const isHome = waiting.due <= now;
      const to = isHome ? this.#allowed(waiting.to) : delayTopic;
      // On the ladder the due time stands as it was written.
      const record = isHome ? waiting.record : delayed(waiting.record, waiting.to, waiting.due - 1);
      const records = byTopic.get(to);
      if (records === undefined) byTopic.set(to, [record]);
      else records.push(record);
    }
    for (const [topic, records] of byTopic) await this.#store(topic, records);
  }

  async #store(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    let left = records;
    for (let waitMs = backoff.firstMs; ; waitMs = Math.min(backoff.mostMs, waitMs * 2)) {
      const outcomes = await this.#publisher.store(
        topic,
        left,
        topic === this.#task.delayTopic ? rungFor : undefined,
      );
      const failed = left.filter((_, index) => outcomes[index]?.ok === false);
      const cause = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.cause]))[0];
      if (failed.length === 0) {
        this.#missingSince.delete(topic);
        return;
      }
      this.#report(cause);
      if (!isTransient(cause) && this.#isMissing(topic, cause)) return;
      if (this.#closing !== undefined) throw new Error("The mover was closed before it was done.");
      left = failed;
      await sleep(waitMs);
    }
  }

  /** A group or queue that was removed leaves messages without a destination: they go with it. */
  #isMissing(topic: string, cause: unknown): boolean {
    if (errorType(cause) !== "UNKNOWN_TOPIC_OR_PARTITION") return false;
    const since = this.#missingSince.get(topic) ?? Date.now();
    this.#missingSince.set(topic, since);
    return Date.now() - since > missingDestinationMs;
  }

  /** A header is not to lead a message to any topic there is. */
  #allowed(to: string): string {
    const { home } = this.#task;
    return to === home || to.startsWith(`${home}..`) ? to : home;
  }

  /** Until the time is over, the rung goes to someone else or, if that is asked, there is something to read. */
  #rest(lane: Lane, ms: number, untilFilled: boolean): Promise<void> {
    if (!lane.open || (untilFilled && lane.buffered > 0)) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#resting.delete(lane);
        resolve();
      };
      const timer = setTimeout(end, Math.min(ms, longestRestMs));
      this.#resting.set(lane, { untilFilled, end });
    });
  }

  #report(cause: unknown): void {
    if (this.#closing === undefined) this.#context.report(cause);
  }
}
