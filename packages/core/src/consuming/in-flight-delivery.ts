import type { Headers, ReceivedMessage } from "../spi/message.ts";
import type { Attempt } from "./attempt.ts";
import type { ConsumerSession } from "./consumer-session.ts";
import type { Partition } from "./partition.ts";

/**
 * `queued`: waits for its turn. `running`: its handler runs. `waiting`: failed, and
 * waits in place for its next attempt. `settling`: on its way to a retry path or a
 * dead letter. `ended`: nothing more will be done with it here.
 */
export type InFlightPhase = "queued" | "running" | "waiting" | "settling" | "ended";

/** A delivery from its receipt until the broker has its settlement: one object, however many attempts. */
export class InFlightDelivery {
  readonly wire: ReceivedMessage;
  readonly session: ConsumerSession;
  readonly partition: Partition | undefined;
  /** What the application sees: without the headers by which core counts. */
  readonly headers: Headers;
  readonly receivedAt: number;
  /** The number of the attempt that runs or comes next. */
  attempt: number;
  phase: InFlightPhase = "queued";
  /** The broker has taken it back: nothing here may settle it any more. */
  lost = false;
  /** Under cumulative settlement: may be covered by the partition's watermark. */
  done = false;
  /** What is being made of it, for the observer. */
  ending: "ack" | "retry" | "dead-letter" = "ack";
  firstFailedAt: number | undefined;
  current: Attempt | undefined;
  timer: unknown;
  previous: InFlightDelivery | undefined;
  next: InFlightDelivery | undefined;
  listed = false;

  constructor(
    wire: ReceivedMessage,
    session: ConsumerSession,
    partition: Partition | undefined,
    headers: Headers,
    attempt: number,
    receivedAt: number,
  ) {
    this.wire = wire;
    this.session = session;
    this.partition = partition;
    this.headers = headers;
    this.attempt = attempt;
    this.receivedAt = receivedAt;
  }
}

/** All that is held, in order of receipt. Linked through the items, so that adding and removing cost next to nothing. */
export class InFlightList {
  #first: InFlightDelivery | undefined;
  #last: InFlightDelivery | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(held: InFlightDelivery): void {
    held.previous = this.#last;
    if (this.#last === undefined) this.#first = held;
    else this.#last.next = held;
    this.#last = held;
    held.listed = true;
    this.#size++;
  }

  remove(held: InFlightDelivery): void {
    if (!held.listed) return;
    held.listed = false;
    if (held.previous === undefined) this.#first = held.next;
    else held.previous.next = held.next;
    if (held.next === undefined) this.#last = held.previous;
    else held.next.previous = held.previous;
    held.previous = undefined;
    held.next = undefined;
    this.#size--;
  }

  filter(matches: (held: InFlightDelivery) => boolean): InFlightDelivery[] {
    const found: InFlightDelivery[] = [];
    for (let held = this.#first; held !== undefined; held = held.next) if (matches(held)) found.push(held);
    return found;
  }
}
