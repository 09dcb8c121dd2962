import type { PulledMessage, Service } from "../client/service.ts";
import { status, statusOf } from "../errors.ts";

/** Pauses between looks at an emulator, in milliseconds: short after there was something, then longer. */
const shortestPauseMs = 5;
const longestPauseMs = 100;
/** For how long room that is less than the least waits for more, in milliseconds. */
const gatheringMs = 100;
/** Pauses after pulls that failed for a reason that may pass, in milliseconds; one more failure and it is told. */
const retryPausesMs: readonly number[] = [100, 200, 400, 800, 1_600];

export interface PullerParts {
  readonly service: Service;
  /** By its full name. */
  readonly subscription: string;
  /** The most pulls under way at once. */
  readonly most: number;
  /** The least to ask for, so that there are few calls while there is much to do. */
  readonly least: () => number;
  /** How many more may be asked for now. */
  readonly room: () => number;
  /** How many are asked for, on top of those before; negative once a pull has ended. */
  readonly onAsked: (change: number) => void;
  readonly onReceived: (messages: readonly PulledMessage[], subscription: string) => void;
  /** This subscription cannot be pulled from. */
  readonly onFailed: (cause: unknown) => void;
  /**
   * An emulator goes on to serve a pull that was given up, and what it gives it is
   * out of reach for a lease. So it is only asked for what is there at once.
   */
  readonly polling: boolean;
}

/** Pulls from one subscription, for as many as there is room for. */
export class Puller {
  readonly #parts: PullerParts;
  readonly #closing = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #pauseMs = shortestPauseMs;
  #failures = 0;
  #pause: NodeJS.Timeout | undefined;
  #gathering: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: PullerParts) {
    this.#parts = parts;
  }

  /** There may be room again. */
  proceed(least = this.#parts.least()): void {
    const { most, room, onAsked } = this.#parts;
    while (!this.#closed && this.#pause === undefined && this.#underWay.size < most) {
      const free = room();
      if (free < least) return this.#gather(free);
      const max = Math.max(least, Math.ceil(free / (most - this.#underWay.size)));
      onAsked(max);
      const pulling = this.#pull(max);
      this.#underWay.add(pulling);
      void pulling.finally(() => {
        this.#underWay.delete(pulling);
        onAsked(-max);
        this.proceed();
      });
    }
  }

  /** Settlements will make more of a little room; but those that never come must not keep it empty. */
  #gather(free: number): void {
    if (free < 1 || this.#underWay.size > 0) return;
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      this.proceed(1);
    }, gatheringMs);
  }

  /** Something was settled, which may be what others wait for: an emulator is looked at without a pause. */
  hurry(): void {
    // The rest after a failure is as long as it is for the service's sake.
    if (this.#failures === 0) {
      clearTimeout(this.#pause);
      this.#pause = undefined;
      this.#pauseMs = shortestPauseMs;
    }
    this.proceed();
  }

  /** Ends what is under way; what a pull still brings is handed over all the same. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pause);
    clearTimeout(this.#gathering);
    // An emulator answers at once, and giving it up would cost what it holds.
    const giveUp = setTimeout(() => this.#closing.abort(), this.#parts.polling ? 1_000 : 0);
    await Promise.all(this.#underWay);
    clearTimeout(giveUp);
  }

  async #pull(max: number): Promise<void> {
    const { service, subscription, polling, onReceived, onFailed } = this.#parts;
    try {
      const messages = await service.pull(subscription, max, polling, this.#closing.signal);
      this.#failures = 0;
      if (messages.length > 0) {
        this.#pauseMs = shortestPauseMs;
        onReceived(messages, subscription);
      }
      if (polling && messages.length < max) this.#lookLater();
    } catch (cause) {
      if (this.#closed || this.#pause !== undefined) return;
      // The service sheds load and moves its servers all the time; what is held stays ours meanwhile.
      const pauseMs = passing.has(statusOf(cause)) ? retryPausesMs[this.#failures++] : undefined;
      if (pauseMs !== undefined) return this.#rest(pauseMs);
      this.#closed = true;
      onFailed(cause);
    }
  }

  #lookLater(): void {
    if (this.#closed || this.#pause !== undefined) return;
    this.#rest(this.#pauseMs);
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 2);
  }

  #rest(ms: number): void {
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.proceed();
    }, ms);
  }
}

/** Statuses under which the service asks to come again. https://cloud.google.com/pubsub/docs/reference/error-codes */
const passing: ReadonlySet<number | undefined> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.INTERNAL,
  status.UNKNOWN,
]);
