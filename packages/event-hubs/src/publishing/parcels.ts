import { batchOverhead, sectionOverhead } from "../mapping.ts";

/** An encoded message, and its place in the batch of whoever sends it. */
export interface Parcel {
  readonly index: number;
  readonly payload: Buffer;
  readonly key: string | undefined;
}

/** A large batch without keys is sent in so many parts, which the service deals to the partitions in turn. */
const mostParts = 8;
const partAtLeast = 16;

/** Into how many parts a batch of so many is to go. */
export function partsOf(count: number): number {
  return Math.max(1, Math.min(mostParts, Math.floor(count / partAtLeast)));
}

/** Splits into batches below the limit, in order; into so many at least. */
export function pack(parcels: readonly Parcel[], maxBytes: number, parts: number): Parcel[][] {
  const most = Math.ceil(parcels.length / parts);
  const bins: Parcel[][] = [];
  let bin: Parcel[] = [];
  let bytes = batchOverhead;
  for (const parcel of parcels) {
    const size = parcel.payload.length + sectionOverhead;
    if (bin.length > 0 && (bytes + size > maxBytes || bin.length >= most)) {
      bins.push(bin);
      bin = [];
      bytes = batchOverhead;
    }
    bin.push(parcel);
    bytes += size;
  }
  if (bin.length > 0) bins.push(bin);
  return bins;
}
