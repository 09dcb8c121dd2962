/** What a held message takes beside its body, headers and key, in bytes, or somewhat more. */
export const overheadBytes = 1_024;

/**
 * How many messages may wait behind their keys, or for their next attempt. A driver reads so many ahead, so it
 * begins small; while more wait, it grows for as long as they fit into the bytes.
 */
export class ParkedBound {
  readonly #least: number;
  readonly #maxBytes: number;
  #size: number;

  constructor({
    maxParked,
    maxParkedBytes,
  }: { readonly maxParked: number; readonly maxParkedBytes: number }) {
    this.#least = maxParked;
    this.#maxBytes = maxParkedBytes;
    this.#size = maxParked;
  }

  /** In messages. */
  get size(): number {
    return this.#size;
  }

  /** So many wait, of so many bytes. True when the size has changed. */
  note(parked: number, bytes: number): boolean {
    const { size } = this;
    if (parked >= size && bytes + overheadBytes * parked < this.#maxBytes) this.#size = 2 * size;
    else if (size > this.#least && parked < this.#least / 2) this.#size = this.#least;
    return this.#size !== size;
  }

  isFull(parked: number, bytes: number): boolean {
    if (bytes >= this.#maxBytes) return true;
    return parked >= this.#size || (parked > this.#least && bytes + overheadBytes * parked >= this.#maxBytes);
  }
}
