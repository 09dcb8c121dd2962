import type { Channel, ConsumeMessage, Message } from "amqplib";

/** How often to ask whether the end is reached, in milliseconds. */
export const lookMs = 20;
/** Looks without news once all that is known of has been read: half a second. */
const quietLooks = 25;
/** The same while less was read than that, or nothing is known of: three seconds, since a busy broker begins late. */
const silentLooks = 150;

/**
 * Whether a stream was read to its end. How much is in it the broker tells from a table
 * of metrics (`rabbit_stream_queue:stat/1`), too late to be of use; so two consumers
 * find out: one begins with the last chunk, and what it is given must be read at
 * least; the other begins behind that, and what it is given need not be read.
 *
 * Looks are counted, and not time: a process that stood still has waited for nothing.
 */
export class StreamEnd {
  #read = -1;
  #last = -1;
  #next = Number.POSITIVE_INFINITY;
  #quiet = 0;

  /** Finds out by two channels that have no other use. */
  async watch(stream: string, behind: Channel, last: Channel): Promise<void> {
    const from = (offset: string) => ({ arguments: { "x-stream-offset": offset } });
    await behind.prefetch(1);
    await behind.consume(stream, (message) => message && this.cameAfter(offsetOf(message)), from("next"));
    await last.prefetch(200);
    const passOver = (message: ConsumeMessage | null) => {
      if (message !== null && this.isThere(offsetOf(message))) last.ack(message);
    };
    await last.consume(stream, passOver, from("last"));
  }

  /** It was there before. False when it was not, so that it is of no interest. */
  isThere(offset: number): boolean {
    if (offset >= this.#next) return false;
    this.#last = Math.max(this.#last, offset);
    this.#quiet = 0;
    return true;
  }

  cameAfter(offset: number): void {
    this.#next = Math.min(this.#next, offset);
  }

  /** All up to here was read. False when it need not have been. */
  wasRead(offset: number): boolean {
    this.#read = offset;
    this.#quiet = 0;
    return offset < this.#next;
  }

  /** One look. `held`: what was read and is not passed on yet holds up what is behind it. */
  isReached(held: boolean): boolean {
    if (this.#read >= this.#next - 1) return true;
    this.#quiet = held ? 0 : this.#quiet + 1;
    const all = this.#last >= 0 && this.#read >= this.#last;
    return this.#quiet > (all ? quietLooks : silentLooks);
  }
}

export function offsetOf(message: Message): number {
  return Number(message.properties.headers?.["x-stream-offset"] ?? Number.POSITIVE_INFINITY);
}
