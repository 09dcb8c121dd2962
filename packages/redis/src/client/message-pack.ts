/**
 * Writes the part of MessagePack that the publishing scripts read: arrays and
 * strings. A batch is then one argument of one command, which costs the client
 * a fraction of what a command per message does, and `cmsgpack` unpacks it in C.
 */
export class MessagePackWriter {
  #buffer: Buffer;
  #end = 0;

  constructor(capacity: number) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  array(length: number): void {
    this.#head(0xdd, length);
  }

  bytes(bytes: Uint8Array): void {
    this.#head(0xdb, bytes.length);
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  text(text: string): void {
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    this.#reserve(5 + text.length * 3);
    const written = this.#buffer.write(text, this.#end + 5, "utf8");
    this.#head(0xdb, written);
    this.#end += written;
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#end);
  }

  #head(type: number, length: number): void {
    this.#reserve(5);
    this.#buffer[this.#end] = type;
    this.#buffer.writeUInt32BE(length, this.#end + 1);
    this.#end += 5;
  }

  #reserve(more: number): void {
    const needed = this.#end + more;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#end);
    this.#buffer = grown;
  }
}
