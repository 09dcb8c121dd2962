/** One side of a comparison. Every scenario gets a contestant of its own, on a topic of its own with one group. */
export interface Contestant {
  /** Publishes one after the other: each is confirmed before the next is sent. */
  publishOneByOne(count: number): Promise<void>;
  /** Publishes with up to `outstanding` unconfirmed at any time. Resolves when all are confirmed. */
  publishOutstanding(count: number, outstanding: number): Promise<void>;
  /**
   * Consumes `count` messages that wait already, and settles each. Resolves to the time
   * from the first to the last in milliseconds, since a start (a group that forms,
   * a channel that opens) is not what is measured.
   */
  consume(count: number): Promise<number>;
  /** Takes away what it made. */
  close(): Promise<void>;
}

/** Makes a contestant on a fresh topic. */
export type Entrant = (url: string) => Promise<Contestant>;

/** What every message carries: 256 bytes that do not compress. */
export const body: Uint8Array = crypto.getRandomValues(new Uint8Array(256));

/** Measures from the first to the last of `count` calls of `seen`. */
export class Span {
  readonly done: Promise<number>;
  readonly #count: number;
  #seen = 0;
  #startedAt = 0;
  #finish: (ms: number) => void = () => {};

  constructor(count: number) {
    this.#count = count;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  seen(): void {
    if (this.#seen++ === 0) this.#startedAt = performance.now();
    if (this.#seen === this.#count) this.#finish(performance.now() - this.#startedAt);
  }
}

let counter = 0;

/** A name that no other run uses. */
export function freshName(): string {
  return `bench-${Date.now().toString(36)}-${process.pid.toString(36)}-${counter++}`;
}
