/** Before any message has come, the bound is divided among so many. */
const assumedMessages = 32;
/** How much of what it was a falling estimate keeps with each message. */
const inertia = 15 / 16;

/**
 * How many messages fit into a prefetch in bytes. For brokers that tell no sizes beforehand: it is
 * judged by what came lately. A larger message raises the estimate at once, smaller ones
 * lower it by and by.
 */
export class PrefetchEstimate {
  readonly #maxBytes: number;
  #messageBytes: number | undefined;

  /** @param maxBytes what may be held */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A message has come that takes so many bytes. */
  arrived(bytes: number): void {
    const before = this.#messageBytes ?? bytes;
    this.#messageBytes = bytes >= before ? bytes : before * inertia + bytes * (1 - inertia);
  }

  /** How many more may be fetched while so many bytes are held: one at least where nothing is. */
  room(heldBytes: number): number {
    const each = Math.max(1, this.#messageBytes ?? this.#maxBytes / assumedMessages);
    const room = Math.max(0, Math.floor((this.#maxBytes - heldBytes) / each));
    return heldBytes === 0 ? Math.max(1, room) : room;
  }
}
