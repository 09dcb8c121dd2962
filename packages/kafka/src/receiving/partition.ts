import { HandBackNotes, PartitionBuffer } from "@waybill/core/spi";
import type { IncomingRecord } from "../mapping.ts";

/** What core knows a partition by. */
export function partitionId(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** A partition being read, and from where. */
export class KafkaPartition extends PartitionBuffer<IncomingRecord> {
  readonly topic: string;
  readonly partition: number;
  /** The offset to fetch next. */
  position: number;
  /** Part of a fetch under way. */
  isFetching = false;
  /** Not to be fetched before this time (of `performance.now()`), after a failure; infinity until its position is known. */
  retryAt = 0;
  /** The group's offset, as far as this member knows; -1 until that is known. */
  committed = -1;
  /** What earlier members left to be known of messages that are not settled. */
  notes = new HandBackNotes();

  constructor(topic: string, partition: number, position: number) {
    super(partitionId(topic, partition));
    this.topic = topic;
    this.partition = partition;
    this.position = position;
  }

  append(records: readonly IncomingRecord[], nextOffset: number): void {
    this.position = nextOffset;
    for (const record of records) this.push(record);
  }
}
