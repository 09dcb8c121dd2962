import { eventLoopTurns } from "@waybill/core/spi";

/** How many connections may be opening at once. Each goes on in callbacks of its own, which come together. */
const mostOpening = 8;
/** From then on one counts no more, in milliseconds: a server far away holds up nobody. */
const countsForMs = 10;

/**
 * Hundreds of subscriptions may begin at once, and each makes a connection: a socket, a handshake,
 * its answers. They wait here for one another, and for the turn of the event loop.
 */
export class OpeningTurns {
  readonly #waiting: (() => void)[] = [];
  #opening = 0;

  /** Calls `work` when it is its turn. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#opening >= mostOpening) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#opening++;
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      const next = this.#waiting.shift();
      if (next === undefined) this.#opening--;
      else next();
    };
    const timer = setTimeout(over, countsForMs);
    try {
      if (eventLoopTurns.isOver) await eventLoopTurns.next();
      return await work();
    } finally {
      over();
    }
  }
}

/** Those of everything in this process. */
export const openingTurns: OpeningTurns = new OpeningTurns();
