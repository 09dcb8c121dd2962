import type { EventContext } from "rhea";
import type { Hub } from "../namespace/hub.ts";
import type { Partition } from "../namespace/partition.ts";
import { CONDITION, ServiceError } from "../namespace/service-error.ts";
import { MalformedValue } from "../wire/amqp-value.ts";
import { type Publication, readPublication } from "../wire/published-event.ts";
import type { IncomingDelivery, IncomingLink, TransferFrame } from "./rhea-internals.ts";

/** Transfers that a client may have on the way on one link. */
const CREDIT = 1000;
/** The format given to plain messages so that rhea leaves them encoded. */
const PLAIN = 0xffff_ffff;
/** Characters of a partition key. */
const MAX_KEY_LENGTH = 128;

/** A link on which a client publishes to a hub or to one of its partitions. */
export class PublisherLink {
  readonly kind = "publish";
  readonly hub: Hub;
  readonly partition: Partition | undefined;
  readonly #link: IncomingLink;
  readonly #maxMessageSize: number;
  /** Bytes of the delivery that is arriving. */
  #arriving = 0;

  constructor(link: IncomingLink, hub: Hub, partition: Partition | undefined, maxMessageSize: number) {
    this.#link = link;
    this.hub = hub;
    this.partition = partition;
    this.#maxMessageSize = maxMessageSize;
    link.local.attach.max_message_size = maxMessageSize;
    link.on("message", (context: EventContext) => this.#take(context));
    link.add_credit(CREDIT);
  }

  /** Sees each frame before rhea does: counts, and lets nothing pile up beyond the limit. */
  inspect(frame: TransferFrame): void {
    if (frame.performative.message_format === 0) frame.performative.message_format = PLAIN;
    this.#arriving += frame.payload?.length ?? 0;
    if (this.#arriving > this.#maxMessageSize) frame.payload = Buffer.alloc(0);
  }

  #take(context: EventContext): void {
    const size = this.#arriving;
    this.#arriving = 0;
    const delivery = context.delivery as unknown as IncomingDelivery & { format?: number };
    this.#link.add_credit(1);
    try {
      if (size > this.#maxMessageSize) throw tooLarge(delivery.id, size, this.#maxMessageSize);
      const { format } = delivery;
      const bytes = context.message as unknown as Buffer;
      const durable = this.#store(read(format === PLAIN || format === undefined ? 0 : format, bytes));
      if (durable === undefined) delivery.accept();
      else durable.then(() => delivery.accept()).catch((error) => delivery.reject(refusal(error)));
    } catch (error) {
      delivery.reject(refusal(error));
    }
  }

  #store({ events, partitionKey }: Publication): Promise<void> | undefined {
    if (partitionKey !== undefined && this.partition !== undefined) {
      throw new ServiceError(
        CONDITION.notAllowed,
        "A partition key cannot be given for events that are sent to a partition.",
      );
    }
    if (partitionKey !== undefined && partitionKey.length > MAX_KEY_LENGTH) {
      throw new ServiceError(
        CONDITION.argument,
        `The partition key has ${partitionKey.length} characters; ${MAX_KEY_LENGTH} are allowed.`,
      );
    }
    return (this.partition ?? this.hub.route(partitionKey)).append(events);
  }

  close(error: ServiceError): void {
    this.#link.close({ condition: error.condition, description: error.message });
  }
}

function read(format: number, bytes: Buffer): Publication {
  try {
    return readPublication(format, bytes);
  } catch (error) {
    if (error instanceof MalformedValue || error instanceof RangeError) {
      throw new ServiceError(CONDITION.decode, error.message);
    }
    throw error;
  }
}

function tooLarge(id: number, size: number, limit: number): ServiceError {
  return new ServiceError(
    CONDITION.tooLarge,
    `The received message (delivery-id:${id}, size:${size} bytes) exceeds the limit (${limit} bytes) currently allowed on the link.`,
  );
}

function refusal(error: unknown): { condition: string; description: string } {
  if (error instanceof ServiceError) return { condition: error.condition, description: error.message };
  return { condition: CONDITION.internal, description: "The event could not be stored." };
}
