import type { ReceivedMessage } from "@waybill/core/spi";
import type { Timed } from "./broker/due-heap.ts";
import type { Linked } from "./broker/linked-list.ts";
import type { StoredMessage } from "./mapping.ts";

/**
 * One message on its way to one consumer, from publish to settlement. It is handed
 * out once: when it goes back, a successor takes its place in the queue, so that
 * a settlement which comes too late finds a delivery that is over.
 */
export class MemoryDelivery implements ReceivedMessage, Linked<MemoryDelivery>, Timed {
  readonly message: StoredMessage;
  redeliveries: number;
  /** Its place in the queue's order. */
  sequence = 0;
  state: "delayed" | "waiting" | "held" | "over" = "waiting";
  /** Who holds it. */
  holder: object | undefined = undefined;
  leaseEnd = 0;
  /** The partition of its key, in a queue that keeps order. */
  keyPartition: { readonly key: string | undefined } | undefined = undefined;
  previous: MemoryDelivery | undefined = undefined;
  next: MemoryDelivery | undefined = undefined;
  dueAt = 0;
  dueOrder = 0;
  dueIndex = -1;

  constructor(message: StoredMessage, redeliveries = 0) {
    this.message = message;
    this.redeliveries = redeliveries;
  }

  /** The same message, to be delivered once more. */
  successor(redeliveries: number): MemoryDelivery {
    const successor = new MemoryDelivery(this.message, redeliveries);
    successor.sequence = this.sequence;
    successor.keyPartition = this.keyPartition;
    return successor;
  }

  /** When the broker drops it. What has been delivered before may have failed, and is the consumer's to judge. */
  get droppedAt(): number | undefined {
    return this.redeliveries === 0 ? this.message.expiresAt : undefined;
  }

  hasExpired(now: number): boolean {
    const { droppedAt } = this;
    return droppedAt !== undefined && droppedAt <= now;
  }

  /** The one that all groups get: core gives an application copies only. */
  get body(): Uint8Array {
    return this.message.body;
  }
  /** A message that came without an id is known by its position. */
  get id(): string {
    return this.message.id || this.position;
  }
  get contentType(): string {
    return this.message.contentType;
  }
  get key(): string | undefined {
    return this.message.key;
  }
  get timestamp(): number {
    return this.message.timestamp;
  }
  get headers(): ReceivedMessage["headers"] {
    return this.message.headers;
  }
  get expiresAt(): number | undefined {
    return this.message.expiresAt;
  }
  get replyTo(): string | undefined {
    return this.message.replyTo;
  }
  get correlationId(): string | undefined {
    return this.message.correlationId;
  }
  get partition(): string | undefined {
    return this.keyPartition?.key;
  }
  get position(): string {
    return String(this.message.position);
  }
  get native(): StoredMessage {
    return this.message;
  }
}

/** The redeliveries of what comes again after nobody knows how far its handler came. */
export function countedOnceMore({ redeliveries }: MemoryDelivery): number {
  return redeliveries + 1;
}
