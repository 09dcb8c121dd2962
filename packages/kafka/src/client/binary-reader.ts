/** Reads what Kafka's protocol is made of (https://kafka.apache.org/protocol#protocol_types), one after the other. */
export class BinaryReader {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  int16(): number {
    this.#at += 2;
    return this.#data.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#data.readInt32BE(this.#at - 4);
  }

  bigint(): bigint {
    this.#at += 8;
    return this.#data.readBigInt64BE(this.#at - 8);
  }

  int64(): number {
    return Number(this.bigint());
  }

  string(): string {
    const length = this.int16();
    this.#at += length;
    return this.#data.toString("utf8", this.#at - length, this.#at);
  }

  bytes(): Buffer {
    const length = Math.max(0, this.int32());
    this.#at += length;
    return this.#data.subarray(this.#at - length, this.#at);
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read);
  }
}
