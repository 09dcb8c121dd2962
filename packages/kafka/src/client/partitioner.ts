/** The 32-bit murmur2 hash of Kafka's Java client (org.apache.kafka.common.utils.Utils). */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  let hash = 0x9747b28c ^ length;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    let k =
      (data[i] as number) |
      ((data[i + 1] as number) << 8) |
      ((data[i + 2] as number) << 16) |
      ((data[i + 3] as number) << 24);
    k = Math.imul(k, multiplier);
    k ^= k >>> 24;
    hash = Math.imul(hash, multiplier) ^ Math.imul(k, multiplier);
  }
  const left = length - i;
  if (left >= 3) hash ^= (data[i + 2] as number) << 16;
  if (left >= 2) hash ^= (data[i + 1] as number) << 8;
  if (left >= 1) hash = Math.imul(hash ^ (data[i] as number), multiplier);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, multiplier);
  return hash ^ (hash >>> 15);
}

const multiplier = 0x5bd1e995;

/** The partition of a key, as every Kafka client that follows Java's finds it. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** How many messages without a key go to one partition before the next one has its turn. */
const runLength = 8;

/**
 * Spreads messages without a key: short runs in turn, so that a batch reaches all
 * members of a group, and few messages still make few record batches.
 */
export class Spreader {
  #next = Math.floor(Math.random() * 1_000_000);
  #left = 0;

  /** Begins a batch: what is sent alone should not all land in one partition. */
  startBatch(): void {
    this.#next++;
    this.#left = runLength;
  }

  partition(partitions: number): number {
    if (this.#left-- === 0) {
      this.#next++;
      this.#left = runLength - 1;
    }
    return this.#next % partitions;
  }
}
