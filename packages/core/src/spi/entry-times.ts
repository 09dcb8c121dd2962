import { monotonicNow, systemClock } from "../runtime/clock.ts";
import { Deque } from "../runtime/deque.ts";
import type { BrokerClock } from "./broker-clock.ts";

/** Items that arrived together. */
interface Arrival {
  /** How many had arrived with these, of all that ever did. */
  readonly upTo: number;
  /** By the steady clock. */
  readonly at: number;
  /** What was to be added to the steady time for the broker's; `undefined` until the broker's is known. */
  offsetMs: number | undefined;
}

/**
 * When what is buffered of a delay tier entered it, by the steady clock of this process, in
 * milliseconds. A time that the broker wrote is read by what its clock shows when the item
 * arrives, and is never later than that: so clocks that are set afterwards change nothing, and
 * none makes a wait longer than it was meant to be from the arrival on.
 */
export class EntryTimes {
  readonly #clock: BrokerClock;
  readonly #arrivals = new Deque<Arrival>();
  #undated: Arrival[] = [];
  #arrived = 0;
  #taken = 0;

  constructor(clock: BrokerClock) {
    this.#clock = clock;
  }

  /** Whether something has arrived while it was not known what the broker's clock shows. */
  get isClockWanted(): boolean {
    return this.#undated.length > 0;
  }

  /** Something has arrived: so many items are buffered now. */
  arrived(buffered: number): void {
    const upTo = this.#taken + buffered;
    if (upTo <= this.#arrived) return;
    this.#arrived = upTo;
    const offsetMs = this.#clock.isFresh ? this.#clock.offsetMs : undefined;
    const arrival = { upTo, at: monotonicNow(systemClock), offsetMs };
    this.#arrivals.push(arrival);
    if (offsetMs === undefined) this.#undated.push(arrival);
  }

  /** It is known now what the broker's clock shows. */
  clockIsKnown(): void {
    for (const arrival of this.#undated) arrival.offsetMs = this.#clock.offsetMs;
    this.#undated = [];
  }

  /** Of the oldest item; `enteredAt` by the broker's clock, `undefined` where nobody wrote when that was. */
  ofOldest(enteredAt: number | undefined): number {
    const arrival = this.#arrivals.peek();
    const at = arrival?.at ?? monotonicNow(systemClock);
    return enteredAt === undefined
      ? at
      : Math.min(at, enteredAt - (arrival?.offsetMs ?? this.#clock.offsetMs));
  }

  /** The oldest item was taken from the buffer. */
  taken(): void {
    this.#taken++;
    if ((this.#arrivals.peek()?.upTo ?? Number.POSITIVE_INFINITY) <= this.#taken) this.#arrivals.shift();
  }
}
