import { type DelayedHandBack, HandBackNotes, MessagingError, type ReceivedMessage } from "@waybill/core/spi";
import type { CommittedOffset, PartitionOffset } from "../client/kafka-client.ts";
import type { KafkaDelivery } from "../delivery.ts";
import type { KafkaPartition } from "../receiving/partition.ts";

/** The longest text to keep beside an offset. The broker takes 4,096 bytes, unless it is told otherwise. */
const longestText = 3_500;

export const fromTheBeginning: CommittedOffset = { offset: 0, metadata: "" };

/** What earlier members left to be known of messages from this offset on. */
export function readNotes(
  { id }: KafkaPartition,
  offset: number,
  metadata: string,
  report: (cause: unknown) => void,
): HandBackNotes {
  const notes = HandBackNotes.read(metadata, offset);
  if (notes !== undefined) return notes;
  report(
    new MessagingError(
      "BROKER_ERROR",
      `The text beside the committed offset of "${id}" is damaged: retries that waited there count from one, and come at once.`,
      { remedy: "See who else commits offsets for this group: only Waybill should." },
    ),
  );
  return new HandBackNotes();
}

/** Notes waiting retries in their partitions; returns where those are to be committed anew. */
export function noteRetries(
  delayed: ReadonlyMap<ReceivedMessage, DelayedHandBack>,
  report: (cause: unknown) => void,
): ReadonlyMap<KafkaPartition, number> {
  const offsets = new Map<KafkaPartition, number>();
  for (const [message, how] of delayed) {
    const { from, offset } = message as KafkaDelivery;
    if (!from.isAlive || from.committed < 0 || offset < from.committed) continue;
    from.notes.add(offset, how);
    offsets.set(from, from.committed);
  }
  let leftOut = 0;
  for (const [{ notes }, offset] of offsets) leftOut += notes.write(offset, longestText).leftOut;
  if (leftOut > 0) report(tooManyNotes(leftOut));
  return offsets;
}

/** What is still ours of these, each with what is to be known of messages from there on. */
export function withNotes(offsets: ReadonlyMap<KafkaPartition, number>): readonly PartitionOffset[] {
  const ours: PartitionOffset[] = [];
  for (const [{ isAlive, topic, partition, notes, committed }, wanted] of offsets) {
    if (!isAlive) continue;
    // Never back, should a settlement have come in between.
    const offset = Math.max(wanted, committed);
    const metadata = notes.isEmpty ? "" : notes.write(offset, longestText).text;
    ours.push({ topic, partition, offset, ...(metadata === "" ? {} : { metadata }) });
  }
  return ours;
}

export function notesRefused(cause: unknown): MessagingError {
  return new MessagingError(
    "BROKER_ERROR",
    "The broker took offsets only without what was to be kept of waiting retries: they count from one, and come at once.",
    { remedy: "Set the broker's offset.metadata.max.bytes to 4096 (its default) or more.", cause },
  );
}

function tooManyNotes(leftOut: number): MessagingError {
  return new MessagingError(
    "BROKER_ERROR",
    `${leftOut} of the retries that wait count from one, and come at once: there is no room for more beside the committed offset.`,
    { remedy: "Fix what makes so many fail, or lower the prefetch." },
  );
}
