import type { ReceivedMessage } from "@waybill/core/spi";
import type { StoredMessage } from "../mapping.ts";
import type { Timed } from "./due-heap.ts";
import type { Partition } from "./keyed-backlog.ts";
import type { Linked } from "./linked-list.ts";
import type { Member } from "./member.ts";

/**
 * One message on its way to one consumer, from publish to settlement. It is handed
 * out once: when it goes back, a successor takes its place in the queue, so that
 * a settlement which comes too late finds a delivery that is over.
 */
export class MemoryDelivery implements ReceivedMessage, Linked<MemoryDelivery>, Timed {
  readonly message: StoredMessage;
  readonly redeliveries: number;
  /** Its place in the queue's order. */
  sequence = 0;
  state: "delayed" | "waiting" | "held" | "over" = "waiting";
  /** Who has it in hand. */
  holder: Member | undefined = undefined;
  leaseEnd = 0;
  keyLane: Partition | undefined = undefined;
  previous: MemoryDelivery | undefined = undefined;
  next: MemoryDelivery | undefined = undefined;
  dueAt = 0;
  dueOrder = 0;
  dueIndex = -1;
  #body: Uint8Array | undefined = undefined;

  constructor(message: StoredMessage, redeliveries = 0) {
    this.message = message;
    this.redeliveries = redeliveries;
  }

  /** The same message, to be delivered once more. `failed`: this delivery counts. */
  successor(failed: boolean): MemoryDelivery {
    const successor = new MemoryDelivery(this.message, this.redeliveries + (failed ? 1 : 0));
    successor.sequence = this.sequence;
    successor.keyLane = this.keyLane;
    return successor;
  }

  hasExpired(now: number): boolean {
    const { expiresAt } = this.message;
    return expiresAt !== undefined && expiresAt <= now;
  }

  /** A copy, since other groups and later deliveries get the same message. */
  get body(): Uint8Array {
    this.#body ??= Buffer.from(this.message.body);
    return this.#body;
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
    return this.keyLane?.key;
  }
  get position(): string {
    return String(this.message.position);
  }
  get native(): StoredMessage {
    return this.message;
  }
}
