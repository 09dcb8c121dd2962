import type { OutgoingLink } from "./rhea-internals.ts";

/** Frames of this size at most are sent, as the service does; bytes. */
export const MAX_FRAME_SIZE = 64 * 1024;

const FRAME_HEADER = 8;
const PERFORMATIVE = 30;
const OVERHEAD = FRAME_HEADER + PERFORMATIVE;

/**
 * Writes deliveries straight to the socket, settled when sent. rhea would build an
 * object tree for each; a transfer is always the same few bytes here.
 */
export class TransferWriter {
  readonly #link: OutgoingLink;
  readonly #payload: number;
  #frames: Buffer[] = [];

  constructor(link: OutgoingLink) {
    this.#link = link;
    const theirs = link.session.connection.remote.open?.max_frame_size ?? MAX_FRAME_SIZE;
    this.#payload = Math.min(MAX_FRAME_SIZE, Math.max(512, theirs)) - OVERHEAD;
  }

  /** How many transfer frames a delivery of this many bytes takes. */
  framesFor(bytes: number): number {
    return Math.max(1, Math.ceil(bytes / this.#payload));
  }

  /** How many transfer frames the other side's session still takes. */
  get window(): number {
    const { outgoing } = this.#link.session;
    const sent = outgoing.next_transfer_id - (outgoing.remote_next_transfer_id ?? 0);
    return (outgoing.remote_window ?? 0) - sent;
  }

  /** Adds a delivery; it goes out with {@link flush}. Uses one credit. */
  add(message: Buffer): void {
    const { session } = this.#link;
    const id = session.outgoing.next_delivery_id++;
    session.outgoing.next_pending_delivery++;
    this.#link.credit--;
    this.#link.delivery_count++;
    let start = 0;
    do {
      const end = Math.min(start + this.#payload, message.length);
      this.#frames.push(this.#frame(id, message, start, end));
      session.outgoing.next_transfer_id++;
      start = end;
    } while (start < message.length);
  }

  /** Sends what was added, after anything that rhea still has to send. */
  flush(): void {
    if (this.#frames.length === 0) return;
    const { connection } = this.#link.session;
    const { socket } = connection;
    socket.cork();
    connection.output();
    for (const frame of this.#frames) socket.write(frame);
    socket.uncork();
    this.#frames = [];
  }

  #frame(id: number, message: Buffer, start: number, end: number): Buffer {
    const frame = Buffer.allocUnsafe(OVERHEAD + end - start);
    let at = frame.writeUInt32BE(frame.length, 0);
    at = frame.writeUInt16BE(0x0200, at);
    at = frame.writeUInt16BE(this.#link.session.local.channel, at);
    at = frame.writeUIntBE(0x005314, at, 3);
    at = frame.writeUIntBE(0xc0190b, at, 3);
    frame[at++] = 0x70;
    at = frame.writeUInt32BE(this.#link.local.handle, at);
    frame[at++] = 0x70;
    at = frame.writeUInt32BE(id >>> 0, at);
    at = frame.writeUInt16BE(0xa004, at);
    at = frame.writeUInt32BE(id >>> 0, at);
    frame[at++] = 0x43;
    frame[at++] = 0x41;
    frame[at++] = end < message.length ? 0x41 : 0x42;
    at = frame.writeUIntBE(0x4040404040, at, 5);
    message.copy(frame, at, start, end);
    return frame;
  }
}
