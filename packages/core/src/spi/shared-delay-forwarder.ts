import { systemClock } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import { ExponentialBackoff, type ExponentialBackoffOptions } from "./exponential-backoff.ts";

/** How a `SharedDelayForwarder` finds its delay topic and forwards from it. */
export interface SharedDelayForwarderOptions<P> {
  /** Looks for the delay topic; `undefined` while there is none, since others may make it later. */
  find(): Promise<P | undefined>;
  /** Starts forwarding from it. `onEnd` is to be called if it cannot go on: another one is then started. */
  start(found: P, onEnd: () => void): { close(): Promise<void> };
  /** How often to look again where a forwarder has ended or there is nothing to forward from yet. */
  readonly lookAgain: ExponentialBackoffOptions;
  report(cause: unknown): void;
  /** Fires when the connection is closed. */
  readonly signal: AbortSignal;
}

/** The forwarder of one delay topic, which all consumers of a connection share: it runs while somebody uses it. */
export class SharedDelayForwarder<P> {
  readonly #options: SharedDelayForwarderOptions<P>;
  #users = 0;
  #forwarder: { close(): Promise<void> } | undefined;
  #starting: Promise<void> | undefined;
  #isLookingAgain = false;

  constructor(options: SharedDelayForwarderOptions<P>) {
    this.#options = options;
  }

  get isUsed(): boolean {
    return this.#users > 0;
  }

  /** Resolves with how to give it back. Rejects where looking for the delay topic has failed. */
  async use(): Promise<() => Promise<void>> {
    this.#users++;
    let isReleased = false;
    const release = async () => {
      if (isReleased) return;
      isReleased = true;
      if (--this.#users > 0) return;
      const forwarder = this.#forwarder;
      this.#forwarder = undefined;
      await forwarder?.close();
    };
    try {
      await this.#start();
    } catch (cause) {
      await release();
      throw cause;
    }
    return release;
  }

  async #start(): Promise<void> {
    this.#starting ??= this.#open().finally(() => {
      this.#starting = undefined;
    });
    await this.#starting;
  }

  async #open(): Promise<void> {
    const { find, start, signal } = this.#options;
    if (this.#forwarder !== undefined) return;
    const found = await find();
    if (!this.isUsed || signal.aborted) return;
    if (found === undefined) return void this.#lookAgain();
    const forwarder = start(found, () => {
      // It may have been given back, and another begun, while it was ending.
      if (this.#forwarder === forwarder) this.#forwarder = undefined;
      void this.#lookAgain();
    });
    this.#forwarder = forwarder;
  }

  async #lookAgain(): Promise<void> {
    if (this.#isLookingAgain) return;
    this.#isLookingAgain = true;
    const { lookAgain, report, signal } = this.#options;
    const pauses = new ExponentialBackoff(lookAgain);
    while (this.#forwarder === undefined && this.isUsed && !signal.aborted) {
      await sleep(unreferencedClock, pauses.next(), signal);
      if (this.isUsed && !signal.aborted) await this.#start().catch(report);
    }
    this.#isLookingAgain = false;
  }
}

/** Looking again keeps no process alive. */
const unreferencedClock = {
  ...systemClock,
  setTimeout: (callback: () => void, ms: number) => {
    const timer = systemClock.setTimeout(callback, ms) as { unref?: () => void };
    timer.unref?.();
    return timer;
  },
};
