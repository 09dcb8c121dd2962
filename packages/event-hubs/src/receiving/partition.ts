import { HandBackNotes, PartitionBuffer } from "@waybill/core/spi";
import { type AmqpMessage, bytesOf } from "../mapping.ts";

/** What a partition is read through: the part of a receiver that it needs. */
interface PartitionLink {
  addCredit(credit: number): void;
  close(): void;
}

/** A message that has come and was not handed out. */
export interface ReceivedEvent {
  readonly message: AmqpMessage;
  readonly bytes: number;
}

/** How fast the size that is expected of a message falls when smaller ones come. */
const decay = 0.75;

/** What core knows a partition by. */
export function partitionId(hub: string, partition: string): string {
  return `${hub}-${partition}`;
}

/**
 * A partition being read, and from where. The service sends as many messages as it was given
 * credit for, and does not tell their sizes beforehand: the largest of the latest stands for
 * those to come, at first the largest there may be.
 */
export class EventHubsPartition extends PartitionBuffer<ReceivedEvent> {
  readonly hub: string;
  readonly partition: string;
  /** The sequence number of the last message that came; reading goes on behind it. */
  last = -1;
  /** The same of the last one that was wanted; what lies behind it was for others. */
  lastWanted = -1;
  /** How far core has settled. */
  settled = -1;
  /** The checkpoint, as far as this member knows, or has it still to write. */
  recorded = { sequenceNumber: -1, offset: "-1" };
  /** What earlier members left to be known of messages that are not settled. */
  notes = new HandBackNotes();
  /** The offset of the last message that came, if it was for others. */
  skippedOffset = "-1";
  #link: PartitionLink | undefined;
  /** Asked for and not come yet. */
  #credit = 0;
  #expectedBytes: number;

  constructor(hub: string, partition: string, maxMessageBytes: number) {
    super(partitionId(hub, partition));
    this.hub = hub;
    this.partition = partition;
    this.#expectedBytes = maxMessageBytes;
  }

  /** Reading begins behind the message of this sequence number. To be called before anything has come. */
  beginBehind(sequenceNumber: number): void {
    this.last = sequenceNumber;
    this.lastWanted = sequenceNumber;
    this.settled = sequenceNumber;
  }

  /** Whether core has settled all that it was, or is to be, handed. */
  get isDone(): boolean {
    return this.settled >= this.lastWanted;
  }

  /** Whether nothing is on its way any more. */
  get isOutOfCredit(): boolean {
    return this.#credit <= 0;
  }

  /** Reads through this from now on; `undefined` while there is no link. */
  attach(link: PartitionLink | undefined): void {
    this.#link = link;
    this.#credit = 0;
    if (link !== undefined && !this.isOpen) this.stop(this.isAlive ? "closing" : "gone");
  }

  /** A message has come. `wanted` is false for those that are for others: they only take their place in line. */
  accept(message: AmqpMessage, sequenceNumber: number, wanted: boolean): void {
    this.#credit--;
    if (!this.isOpen) return;
    const bytes = bytesOf(message);
    this.#expectedBytes = Math.max(1, bytes, this.#expectedBytes * decay);
    this.last = sequenceNumber;
    if (!wanted) return;
    this.lastWanted = sequenceNumber;
    this.push({ message, bytes });
  }

  /** Asks for more, so that what is here and what is asked for come to this share. In large portions, to ask seldom. */
  askFor(itemShare: number, byteShare: number): void {
    if (this.#link === undefined || !this.isOpen || this.isPaused) return;
    const fitting = Math.floor((byteShare - this.bytes) / this.#expectedBytes);
    const ahead = Math.min(itemShare, this.buffered + Math.max(this.buffered === 0 ? 1 : 0, fitting));
    const missing = ahead - this.buffered - this.#credit;
    if (missing < Math.max(1, ahead / 4)) return;
    this.#credit += missing;
    this.#link.addCredit(missing);
  }

  override stop(how: "closing" | "gone"): void {
    super.stop(how);
    this.#link?.close();
    this.#link = undefined;
  }
}
