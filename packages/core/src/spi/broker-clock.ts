import { type Clock, monotonicNow, systemClock } from "../runtime/clock.ts";

/** For how long an answer holds: steady clocks of two computers drift apart by some milliseconds in that time. */
const freshMs = 60_000;
/** By how much this computer's clock may move against its steady one before an answer holds no longer. */
const toleratedMs = 1_000;

interface Answer {
  /** The broker's clock less the steady clock of this process: not less than this, and not more. */
  readonly atLeast: number;
  readonly atMost: number;
  readonly askedAt: number;
  /** This computer's clock less its steady clock. */
  readonly own: number;
}

/**
 * What a broker's clock shows, so that a time it has written is comparable with this process's
 * steady clock. As long as this computer's clock may be right by the broker's answers, it is
 * taken as it is, and so the way of an answer costs nothing. Otherwise the broker's is taken as
 * the answer says it is at least: what waits for it is never early.
 */
export class BrokerClock {
  readonly #clock: Clock;
  #answer: Answer | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Whether the broker was asked not long ago, and no clock was set here since. */
  get isFresh(): boolean {
    if (this.#answer === undefined) return false;
    const { askedAt, own } = this.#answer;
    return monotonicNow(this.#clock) - askedAt < freshMs && Math.abs(this.#ownOffset() - own) <= toleratedMs;
  }

  /** What to add to the steady time of this process for the broker's, in milliseconds. */
  get offsetMs(): number {
    const own = this.#ownOffset();
    if (this.#answer === undefined) return own;
    const { atLeast, atMost } = this.#answer;
    return own < atLeast || own > atMost ? atLeast : own;
  }

  /**
   * Asks what the broker's clock shows at some moment during the call, in whole milliseconds since
   * the epoch; `undefined`: it does not say, and this computer's clock is all there is. Rejects as
   * `ask` does.
   */
  async ask(ask: () => Promise<number | undefined>): Promise<void> {
    const askedAt = monotonicNow(this.#clock);
    const told = await ask();
    const isTold = told !== undefined && Number.isFinite(told);
    this.#answer = {
      atLeast: isTold ? told - monotonicNow(this.#clock) : Number.NEGATIVE_INFINITY,
      // Whoever writes a time in whole milliseconds cuts off the rest.
      atMost: isTold ? told + 1 - askedAt : Number.POSITIVE_INFINITY,
      askedAt,
      own: this.#ownOffset(),
    };
  }

  #ownOffset(): number {
    return this.#clock.now() - monotonicNow(this.#clock);
  }
}
