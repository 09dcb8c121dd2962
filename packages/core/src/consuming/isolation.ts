import type { Clock } from "../runtime/clock.ts";

/** How long to wait for the running handlers to end before a suspect runs among them, in milliseconds, at first and at most. */
const firstWaitMs = 10_000;
const longestWaitMs = 60_000;
/** How many messages that are no suspects are run alone before isolation ends without one. */
const mostOthers = 20;

export interface IsolationContext {
  readonly clock: Clock;
  /** Nothing is being worked on: hand back all, and receive one at a time. */
  readonly onIsolate: () => void;
  /** What ran alone has ended: receive as before. */
  readonly onIsolated: () => void;
  /** It could not be had in time, or is over: suspects run among the others. */
  readonly onGivenUp: () => void;
}

/** The time in which one message has the subscription, in this process, for itself. */
export class Isolation {
  readonly #context: IsolationContext;
  #state: "none" | "wanted" | "on" = "none";
  #timer: unknown;
  #others = 0;

  constructor(context: IsolationContext) {
    this.#context = context;
  }

  /** While true, what runs may end and nothing is started. */
  get isWanted(): boolean {
    return this.#state === "wanted";
  }

  /** While true, one message at a time is received and run. */
  get isOn(): boolean {
    return this.#state === "on";
  }

  /** How long to wait for isolation where the count of what is to run alone is so far above the limit. */
  static waitMs(excess: number): number {
    return Math.min(firstWaitMs * Math.max(1, excess), longestWaitMs);
  }

  want(waitMs: number): void {
    if (this.#state !== "none") return;
    this.#wait(waitMs, () => {
      this.#state = "none";
      this.#context.onGivenUp();
    });
  }

  /** From the beginning, though it is on: what is to run alone has to come again. */
  again(waitMs: number): void {
    this.#wait(waitMs, () => {
      this.#state = "on";
      this.end();
    });
  }

  #wait(waitMs: number, giveUp: () => void): void {
    this.#state = "wanted";
    this.#timer = this.#context.clock.setTimeout(() => {
      if (this.#state === "wanted") giveUp();
    }, waitMs);
  }

  /** Begins, if it is wanted: nothing is being worked on. */
  idle(): void {
    if (this.#state !== "wanted") return;
    this.stop();
    this.#state = "on";
    this.#others = 0;
    this.#context.onIsolate();
  }

  /** A message has ended without taking the process down. */
  ended(isSuspect: boolean): void {
    if (this.#state === "on" && (isSuspect || ++this.#others >= mostOthers)) this.end();
  }

  /** Over, with the consumer that there is: it can receive more by itself. */
  widen(): void {
    this.#state = "none";
  }

  /** Back to many at a time. */
  end(): void {
    if (this.#state !== "on") return;
    this.#state = "none";
    this.#context.onGivenUp();
    this.#context.onIsolated();
  }

  /** The subscription closes. */
  stop(): void {
    this.#context.clock.clearTimeout(this.#timer);
  }
}
