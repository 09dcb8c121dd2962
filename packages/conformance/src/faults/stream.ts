import type { Socket } from "node:net";

/** How one direction of a connection carries its bytes. */
export interface StreamConditions {
  readonly delayMs: number;
  readonly bytesPerSecond: number;
  readonly lost: boolean;
}

interface Piece {
  readonly bytes: Buffer;
  readonly dueAt: number;
}

/** Small enough that a narrow line trickles instead of bursting. */
const pieceBytes = 4096;
/** What may be under way before the sender is made to wait, as a real line would by its window. */
const windowBytes = 1024 * 1024;

/** One direction of a connection: takes what `from` sends and gives it to `to`, late, slowly or not at all. */
export class FaultStream {
  readonly #from: Socket;
  readonly #to: Socket;
  #conditions: StreamConditions;
  #pieces: Piece[] = [];
  #head = 0;
  #waitingBytes = 0;
  #lastDueAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  /** A stream that lost bytes carries no more of them: TCP knows no holes. */
  #broken = false;

  constructor(from: Socket, to: Socket, conditions: StreamConditions) {
    this.#from = from;
    this.#to = to;
    this.#conditions = conditions;
    this.#broken = conditions.lost;
    from.on("data", (bytes: Buffer) => this.#take(bytes));
    to.on("drain", () => this.#flush());
  }

  get broken(): boolean {
    return this.#broken;
  }

  set conditions(conditions: StreamConditions) {
    this.#conditions = conditions;
    if (conditions.lost) this.#lose();
  }

  /** The sender has ended; what is under way still arrives. */
  end(): void {
    this.#ended = true;
    this.#flush();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pieces = [];
    this.#head = 0;
  }

  #take(bytes: Buffer): void {
    if (this.#broken) return;
    const { delayMs, bytesPerSecond } = this.#conditions;
    const idle = this.#head === this.#pieces.length;
    if (delayMs === 0 && bytesPerSecond === Number.POSITIVE_INFINITY && idle && !this.#to.writableNeedDrain) {
      if (!this.#to.write(bytes)) this.#from.pause();
      return;
    }
    for (let at = 0; at < bytes.length; at += pieceBytes) this.#queue(bytes.subarray(at, at + pieceBytes));
    if (this.#waitingBytes >= windowBytes) this.#from.pause();
    this.#flush();
  }

  #queue(bytes: Buffer): void {
    const { delayMs, bytesPerSecond } = this.#conditions;
    const transmitMs = (bytes.length / bytesPerSecond) * 1000;
    // A later piece never overtakes an earlier one, whatever the conditions have become.
    const dueAt = Math.max(performance.now() + delayMs, this.#lastDueAt) + transmitMs;
    this.#lastDueAt = dueAt;
    this.#waitingBytes += bytes.length;
    this.#pieces.push({ bytes, dueAt });
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const now = performance.now();
    while (this.#head < this.#pieces.length && !this.#to.writableNeedDrain) {
      const piece = this.#pieces[this.#head] as Piece;
      if (piece.dueAt > now) {
        this.#timer = setTimeout(() => this.#flush(), Math.ceil(piece.dueAt - now));
        return;
      }
      this.#head++;
      this.#waitingBytes -= piece.bytes.length;
      if (!this.#to.destroyed) this.#to.write(piece.bytes);
    }
    if (this.#head < this.#pieces.length) return;
    this.#pieces = [];
    this.#head = 0;
    if (this.#ended) this.#to.end();
    else if (!this.#to.writableNeedDrain) this.#from.resume();
  }

  #lose(): void {
    this.#broken = true;
    this.stop();
    // What still comes is read and dropped.
    this.#from.resume();
  }
}
