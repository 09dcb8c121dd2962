import { type Clock, monotonicNow } from "../runtime/clock.ts";

/** A publish in its steps. */
export interface PublishUnderWay {
  /** When its time is over, in monotonic milliseconds. */
  readonly deadline: number;
  /** Its time is over. */
  expire(): void;
  /** The client closes. */
  close(): void;
}

/** All publishes of a client that are in their steps, with one timer for the one that is out of time first. */
export class StepsUnderWay {
  readonly #clock: Clock;
  /** By deadline: each has the same time, from when it was added. */
  readonly #publishes = new Set<PublishUnderWay>();
  #timer: unknown;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isBusy(): boolean {
    return this.#publishes.size > 0;
  }

  /** Also one that is there already and whose time begins anew. */
  add(publish: PublishUnderWay): void {
    this.#publishes.delete(publish);
    this.#publishes.add(publish);
    if (this.#timer === undefined) this.#watch();
  }

  delete(publish: PublishUnderWay): void {
    if (!this.#publishes.delete(publish) || this.#publishes.size > 0) return;
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  close(): void {
    for (const publish of this.#publishes) publish.close();
  }

  #watch(): void {
    const first: PublishUnderWay | undefined = this.#publishes.values().next().value;
    if (first === undefined || first.deadline === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.setTimeout(
      this.#expire,
      Math.max(0, first.deadline - monotonicNow(this.#clock)),
    );
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    const now = monotonicNow(this.#clock);
    for (const publish of this.#publishes) {
      if (publish.deadline > now) break;
      publish.expire();
    }
    if (this.#timer === undefined) this.#watch();
  };
}
