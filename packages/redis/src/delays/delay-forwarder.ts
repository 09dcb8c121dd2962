import type { RedisClient } from "../client/redis-client.ts";
import { forwardDue } from "../client/scripts/forward-due.ts";
import type { StreamKeys } from "../naming.ts";

/** How often to look for delayed messages that someone else has published meanwhile, in milliseconds. */
const lookMs = 500;
/** The most to move in one step, so that the server is not held up for long. */
const atOnce = 200;

/**
 * Moves delayed messages into their streams when they are due. It sleeps until
 * the next one it knows of, and looks every half second for others.
 */
export class DelayForwarder {
  readonly #client: RedisClient;
  readonly #streams: readonly StreamKeys[];
  readonly #report: (cause: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = 0;
  #moving = false;
  #stopped = false;
  #reported = "";

  constructor(client: RedisClient, streams: readonly StreamKeys[], report: (cause: unknown) => void) {
    this.#client = client;
    this.#streams = streams;
    this.#report = report;
    this.#sleep(0);
  }

  /** Something will be due in this many milliseconds. */
  expect(delayMs: number): void {
    if (this.#moving || this.#stopped || performance.now() + delayMs >= this.#wakeAt) return;
    this.#sleep(delayMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #sleep(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#wakeAt = performance.now() + ms;
    this.#timer = setTimeout(() => void this.#move(), ms);
    this.#timer.unref();
  }

  async #move(): Promise<void> {
    this.#moving = true;
    let wait: number | undefined;
    try {
      wait = await forwardDue(this.#client, this.#streams, atOnce);
      this.#reported = "";
    } catch (cause) {
      this.#tell(cause);
    }
    this.#moving = false;
    this.#sleep(Math.min(lookMs, wait ?? lookMs));
  }

  /** The same trouble is told once. A lost connection is told elsewhere. */
  #tell(cause: unknown): void {
    const text = String(cause);
    if (this.#stopped || text === this.#reported || !(cause instanceof Error) || cause.name !== "ReplyError")
      return;
    this.#reported = text;
    this.#report(cause);
  }
}
