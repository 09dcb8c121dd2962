/** What a consumer holds of one message. */
export interface OutstandingMessage {
  /** What it takes of a prefetch. */
  readonly bytes: number;
  /** Until when it is ours, on the clock of `performance.now()`. */
  readonly leasedUntil: number;
}

/**
 * All that a consumer holds whose broker leases messages one by one: what waits to be received by
 * core, and what core has received and not settled.
 */
export class OutstandingMessages<M extends OutstandingMessage> {
  readonly #waiting = new Set<M>();
  readonly #received = new Set<M>();
  #bytes = 0;

  /** Of all that is held, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many are held. */
  get size(): number {
    return this.#waiting.size + this.#received.size;
  }

  /** What core has not received yet, the oldest first. */
  get waiting(): Iterable<M> {
    return this.#waiting;
  }

  /** The broker has delivered it. */
  arrived(message: M): void {
    this.#waiting.add(message);
    this.#bytes += message.bytes;
  }

  /** Core has it now, or has it again since its settlement failed. */
  received(message: M): void {
    if (!this.#waiting.delete(message) && !this.#received.has(message)) this.#bytes += message.bytes;
    this.#received.add(message);
  }

  /** Whether core has it, and it was not dropped. */
  has(message: M): boolean {
    return this.#received.has(message);
  }

  /** It is settled, or somebody else's. Does nothing for what is not held. */
  drop(message: M): void {
    if (this.#waiting.delete(message) || this.#received.delete(message)) this.#bytes -= message.bytes;
  }

  /** Drops what core gave up, or what could not be renewed: its lease is over at `now`. */
  dropExpired(now: number): void {
    for (const messages of [this.#waiting, this.#received])
      for (const message of messages) if (message.leasedUntil <= now) this.drop(message);
  }

  /** Takes out all of it, to be handed back: what core has received first. */
  takeAll(): M[] {
    const all = [...this.#received, ...this.#waiting];
    this.#waiting.clear();
    this.#received.clear();
    this.#bytes = 0;
    return all;
  }
}
