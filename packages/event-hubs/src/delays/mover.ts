import { setTimeout as sleep } from "node:timers/promises";
import type { Message } from "rhea";
import type { GroupStore } from "../checkpoints/store.ts";
import type { ConsumerContext } from "../consumer.ts";
import { isMissing, isTransient } from "../errors.ts";
import { GroupMember } from "../groups/membership.ts";
import { annotations, offsetOf, sequenceNumberOf } from "../mapping.ts";
import { defaultGroup, type Place } from "../naming.ts";
import type { Publisher } from "../publishing/publisher.ts";
import { Feed } from "../reading/feed.ts";
import { Lane } from "../reading/lane.ts";
import { Lanes } from "../reading/lanes.ts";
import { leavesAt, readWaiting, rungOf, type Waiting } from "./ladder.ts";
import { encodeAgain, keyOf, released, withAgain } from "./rewriting.ts";

/** Moved together, so that a burst costs few requests. */
const mostAtOnce = 500;
/** What waits is kept fetched only this far ahead of its time, for each rung. */
const fetchAhead = 500;
const backoff = { firstMs: 100, mostMs: 2_000 };
/** Timers have a bound; a rung that wakes for nothing harms nobody. */
const longestRestMs = 60_000;
/** For how long a destination may be missing, at every try, before what is due for it is given up. */
const missingMs = 60_000;
/** When to try again what its destination did not take: nothing waits behind it meanwhile. */
const againMs = 1_000;
/** The same where only a change by somebody can help. */
const refusedAgainMs = 16_000;

interface Parcel {
  readonly waiting: Waiting;
  readonly payload: Buffer;
}

interface Rest {
  readonly untilFilled: boolean;
  readonly end: () => void;
}

/**
 * Moves delayed messages on when their time has come: to the next rung, or to where
 * they belong. Every process that consumes runs one; a rung belongs to one of them, and
 * whoever comes first keeps them all, since moving is little work. A message is
 * confirmed at its next place before its last one is checkpointed; after a crash in
 * between it is there twice.
 */
export class Mover {
  readonly #context: ConsumerContext;
  readonly #store: GroupStore;
  readonly #publisher: Publisher;
  readonly #hub: string;
  readonly #rungs: readonly string[];
  readonly #lanes: Lanes;
  readonly #feed: Feed;
  readonly #member: GroupMember;
  readonly #resting = new Map<Lane, Rest>();
  #closed = false;

  constructor(
    context: ConsumerContext,
    store: GroupStore,
    publisher: Publisher,
    rungs: readonly string[],
    onEnd: () => void,
  ) {
    const { settings, amqp } = context;
    this.#context = context;
    this.#store = store;
    this.#publisher = publisher;
    this.#hub = settings.delayHub;
    this.#rungs = rungs;
    const onFailure = (cause: unknown) => {
      this.#report(cause);
      void this.close().then(onEnd);
    };
    this.#lanes = new Lanes(fetchAhead * rungs.length);
    this.#lanes.onArrival = (lane) => {
      const rest = this.#resting.get(lane);
      if (rest?.untilFilled) rest.end();
    };
    // Marks say where a message goes from here; here all of them are wanted.
    const place: Place = {
      hub: this.#hub,
      consumerGroup: defaultGroup,
      mark: undefined,
      takesUnmarked: true,
    };
    this.#feed = new Feed(amqp, this.#lanes, {
      place,
      everyMark: true,
      owns: true,
      onTrouble: (cause) => this.#report(cause),
      onStolen: ({ partition }) => this.#member.stolen(partition),
      onFailure,
    });
    const group = { namespace: settings.namespace, hub: this.#hub, consumerGroup: defaultGroup };
    this.#member = new GroupMember(
      store,
      { ...settings, group, partitions: rungs, share: "all" },
      {
        assigned: (partitions) => {
          for (const partition of partitions) void this.#work(new Lane(this.#hub, partition, -1));
        },
        revoking: async () => {},
        revoked: (partitions) => {
          for (const partition of partitions) this.#end(partition);
        },
        trouble: (cause) => this.#report(cause),
        failed: onFailure,
      },
    );
    this.#member.start();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#feed.close();
    for (const { partition } of [...this.#lanes.all]) this.#end(partition);
    await this.#member.close();
  }

  #end(partition: string): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    lane.stop("gone");
    this.#lanes.delete(lane);
    this.#resting.get(lane)?.end();
  }

  async #work(lane: Lane): Promise<void> {
    this.#lanes.add(lane);
    let opened = false;
    for (let waitMs = backoff.firstMs; lane.open; ) {
      try {
        if (!opened) {
          await this.#position(lane);
          opened = true;
          void this.#feed.open(lane);
        }
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
    const { namespace } = this.#context.settings;
    const checkpoints = await this.#store.listCheckpoints(namespace, this.#hub, defaultGroup);
    const found = checkpoints.find(({ partitionId }) => partitionId === lane.partition);
    if (found === undefined) return;
    const { lastSequenceNumber } = await this.#context.amqp.partition(this.#hub, lane.partition);
    lane.beginBehind(found.sequenceNumber > lastSequenceNumber ? -1 : found.sequenceNumber);
  }

  /** Moves what is due. Returns after how many milliseconds the next one is; 0 for now. */
  async #moveDue(lane: Lane): Promise<number> {
    const now = Date.now();
    const rung = this.#rungs.indexOf(lane.partition);
    const due: Waiting[] = [];
    let last: Message | undefined;
    let wait = Number.POSITIVE_INFINITY;
    while (due.length < mostAtOnce) {
      const message = lane.peek();
      if (message === undefined) break;
      const entered = Number(message.message_annotations?.[annotations.enqueuedTime]) || now;
      const waiting = readWaiting(message, entered);
      wait = leavesAt(waiting, rung) - now;
      if (wait > 0) break;
      due.push(waiting);
      last = message;
      lane.shift();
    }
    if (last === undefined) return wait;
    this.#lanes.ask();
    await this.#move(due);
    if (lane.alive) await this.#checkpoint(lane, last);
    return 0;
  }

  async #checkpoint(lane: Lane, last: Message): Promise<void> {
    await this.#store.updateCheckpoint({
      fullyQualifiedNamespace: this.#context.settings.namespace,
      eventHubName: this.#hub,
      consumerGroup: defaultGroup,
      partitionId: lane.partition,
      sequenceNumber: sequenceNumberOf(last),
      offset: offsetOf(last),
    });
  }

  /** Stores all of these at their next place, in their order. */
  async #move(due: readonly Waiting[]): Promise<void> {
    const now = Date.now();
    const byHub = new Map<string, Waiting[]>();
    const byRung = new Map<string, Waiting[]>();
    for (const waiting of due) {
      const { next, to } = waiting;
      if (next > now) add(byRung, this.#rungFor(next - now), waiting);
      // Who does not say where it belongs was never ours; there is nothing to be done for it.
      else if (to !== undefined) add(byHub, to, waiting);
    }
    await Promise.all([
      ...[...byHub].map(([hub, all]) => this.#deliver(hub, all)),
      ...[...byRung].map(([rung, all]) => this.#keep(rung, all)),
    ]);
  }

  /** What its destination does not take goes back to the ladder, so that nobody waits behind it. */
  async #deliver(hub: string, all: readonly Waiting[]): Promise<void> {
    const parcels = this.#written(all, released);
    const outcomes = await this.#publisher.deliver(
      hub,
      parcels.map(({ waiting, payload }) => ({ payload, key: keyOf(waiting.message) })),
    );
    const now = Date.now();
    const back: Waiting[] = [];
    let afterMs = againMs;
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.ok) continue;
      const { cause } = outcome;
      const { waiting } = parcels[i] as Parcel;
      this.#report(cause);
      const missingSince = isMissing(cause) ? (waiting.missingSince ?? now) : undefined;
      // A topic or queue that was removed leaves messages without a destination: they go with it.
      if (missingSince !== undefined && now - missingSince >= missingMs) continue;
      if (missingSince === undefined && !isTransient(cause)) afterMs = refusedAgainMs;
      back.push({ ...waiting, missingSince });
    }
    if (back.length === 0) return;
    const again = now + afterMs;
    await this.#keep(
      this.#rungFor(afterMs),
      back.map((one) => ({ ...one, message: withAgain(one.message, again, one.missingSince) })),
    );
  }

  /** Stores these on a rung, however often it takes: they are nowhere else. */
  async #keep(rung: string, all: readonly Waiting[]): Promise<void> {
    const parcels = this.#written(all, (message) =>
      encodeAgain(message, message.application_properties ?? {}),
    );
    let left = parcels.map(({ payload }) => payload);
    for (let waitMs = backoff.firstMs; ; waitMs = Math.min(backoff.mostMs, waitMs * 2)) {
      const outcomes = await this.#publisher.storeAt(this.#hub, rung, left);
      left = left.filter((_, i) => outcomes[i]?.ok === false);
      if (left.length === 0) return;
      for (const outcome of outcomes) if (!outcome.ok) this.#report(outcome.cause);
      if (this.#closed) throw new Error("The mover was closed before it was done.");
      await sleep(waitMs);
    }
  }

  /** What others have put here may not be possible to write again: that is given up, and takes nothing along. */
  #written(all: readonly Waiting[], write: (message: Message) => Buffer): Parcel[] {
    return all.flatMap((waiting) => {
      try {
        return { waiting, payload: write(waiting.message) };
      } catch (cause) {
        this.#report(cause);
        return [];
      }
    });
  }

  #rungFor(remainingMs: number): string {
    return this.#rungs[rungOf(remainingMs, this.#rungs.length)] as string;
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
    if (!this.#closed) this.#context.report(cause);
  }
}

function add<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
