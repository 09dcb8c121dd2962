import { systemClock, within } from "@waybill/core/spi";
import type { Message } from "rhea";
import type { GroupStore } from "../checkpoints/store.ts";
import type { ConsumerContext } from "../consumer.ts";
import { GroupMember } from "../groups/membership.ts";
import { annotations, offsetOf, sequenceNumberOf } from "../mapping.ts";
import { defaultGroup, type Place } from "../naming.ts";
import type { Publisher } from "../publishing/publisher.ts";
import { Feed } from "../reading/feed.ts";
import { Lane } from "../reading/lane.ts";
import { Lanes } from "../reading/lanes.ts";
import { Forwarder } from "./forwarder.ts";
import { leavesAt, readWaiting, type Waiting } from "./ladder.ts";

/** Moved together, so that a burst costs few requests. */
const mostAtOnce = 500;
/** What waits is kept fetched only this far ahead of its time, for each rung. */
const fetchAhead = 500;
const backoff = { firstMs: 100, mostMs: 2_000 };
/** Timers have a bound; a rung that wakes for nothing harms nobody. */
const longestRestMs = 60_000;
/** What is on its way when a mover closes gets this long to arrive and be checkpointed. */
const farewellMs = 1_500;

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
  readonly #hub: string;
  readonly #rungs: readonly string[];
  readonly #forwarder: Forwarder;
  readonly #lanes: Lanes;
  readonly #feed: Feed;
  readonly #member: GroupMember;
  readonly #resting = new Map<Lane, Rest>();
  readonly #working = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

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
    this.#hub = settings.delayHub;
    this.#rungs = rungs;
    this.#forwarder = new Forwarder(publisher, {
      hub: this.#hub,
      rungs,
      onTrouble: (cause) => this.#report(cause),
      isOver: () => this.#closing !== undefined,
    });
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
          for (const partition of partitions) this.#begin(partition);
        },
        // Who has all of them gives none away.
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

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#feed.close();
    for (const lane of this.#lanes.all) {
      lane.stop("closing");
      this.#resting.get(lane)?.end();
    }
    // The next mover begins at the checkpoints, and would move once more what is on its way.
    await within(systemClock, farewellMs, Promise.all(this.#working));
    for (const { partition } of [...this.#lanes.all]) this.#end(partition);
    await this.#member.close();
  }

  #begin(partition: string): void {
    if (this.#closing !== undefined) return;
    const lane = new Lane(this.#hub, partition, -1);
    this.#lanes.add(lane);
    const work = this.#work(lane).finally(() => this.#working.delete(work));
    this.#working.add(work);
  }

  #end(partition: string): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    lane.stop("gone");
    this.#lanes.delete(lane);
    this.#resting.get(lane)?.end();
  }

  async #work(lane: Lane): Promise<void> {
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
    await this.#forwarder.forward(due);
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
