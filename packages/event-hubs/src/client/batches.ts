import { batchOverhead, sectionOverhead } from "./message-encoding.ts";

/** An encoded message, and its place in the batch of whoever sends it. */
export interface EncodedMessage {
  readonly index: number;
  readonly payload: Buffer;
  readonly key: string | undefined;
}

/** A large batch without keys is sent in so many parts, which the service deals to the partitions in turn. */
const maxParts = 8;
const minPartMessages = 16;

/** Into how many parts a batch of so many is to go. */
export function partsOf(count: number): number {
  return Math.max(1, Math.min(maxParts, Math.floor(count / minPartMessages)));
}

/** Splits into batches below the limit, in order; into so many at least. */
export function splitIntoBatches(
  messages: readonly EncodedMessage[],
  maxBytes: number,
  parts: number,
): EncodedMessage[][] {
  const maxMessages = Math.ceil(messages.length / parts);
  const batches: EncodedMessage[][] = [];
  let batch: EncodedMessage[] = [];
  let bytes = batchOverhead;
  for (const message of messages) {
    const size = message.payload.length + sectionOverhead;
    if (batch.length > 0 && (bytes + size > maxBytes || batch.length >= maxMessages)) {
      batches.push(batch);
      batch = [];
      bytes = batchOverhead;
    }
    batch.push(message);
    bytes += size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
