/** What a hub says of itself. */
export interface HubInfo {
  readonly partitionIds: readonly string[];
}

/** What a partition says of itself. */
export interface PartitionInfo {
  /** -1 where nothing was ever stored. */
  readonly lastSequenceNumber: number;
  readonly beginSequenceNumber: number;
  readonly lastOffset: string;
  /** Milliseconds since the epoch. */
  readonly lastEnqueuedAt: number;
  readonly isEmpty: boolean;
}
