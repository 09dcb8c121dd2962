import type { EventContext } from "rhea";
import { errorOf, type Faults, type Subject } from "../faults/faults.ts";
import type { Hub } from "../namespace/hub.ts";
import type { Partition } from "../namespace/partition.ts";
import { CONDITION, ServiceError } from "../namespace/service-error.ts";
import { MalformedValue } from "../wire/amqp-value.ts";
import { type Publication, readPublication } from "../wire/published-event.ts";
import { amqpError } from "./amqp-error.ts";
import type { IncomingDelivery, IncomingLink, TransferFrame } from "./rhea-internals.ts";

/** Transfers that a client may have on the way on one link. */
const CREDIT = 1000;
/** The format given to plain messages so that rhea leaves them encoded. */
const PLAIN = 0xffff_ffff;
const NOT_STORED = "The event could not be stored.";
/** Characters of a partition key. */
const MAX_KEY_LENGTH = 128;

export interface PublisherTarget {
  readonly hub: Hub;
  /** Undefined when the hub is to choose. */
  readonly partition: Partition | undefined;
  readonly path: string;
  readonly maxMessageSize: number;
}

/** A link on which a client publishes to a hub or to one of its partitions. */
export class PublisherLink {
  readonly kind = "publish";
  readonly claim = "Send";
  readonly hub: Hub;
  readonly path: string;
  readonly subject: Subject;
  readonly #partition: Partition | undefined;
  readonly #faults: Faults;
  readonly #link: IncomingLink;
  readonly #maxMessageSize: number;
  /** Bytes of the delivery that is arriving. */
  #arriving = 0;
  #closed = false;

  constructor(link: IncomingLink, target: PublisherTarget, faults: Faults) {
    const { hub, partition, path, maxMessageSize } = target;
    this.#link = link;
    this.#faults = faults;
    this.#partition = partition;
    this.#maxMessageSize = maxMessageSize;
    this.hub = hub;
    this.path = path;
    this.subject = { hub: hub.name, partition: partition?.id, role: "publish" };
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

  #take({ delivery, message }: EventContext): void {
    const size = this.#arriving;
    this.#arriving = 0;
    if (this.#closed) return;
    this.#link.add_credit(1);
    const incoming = delivery as unknown as IncomingDelivery;
    const fault = this.#faults.take("publish", this.subject);
    if (fault?.action === "disconnect") return this.#cut();
    if (fault?.action === "detach") return this.close(errorOf(fault));
    try {
      if (fault?.action === "throttle" || fault?.action === "refuse") throw errorOf(fault);
      if (size > this.#maxMessageSize) throw tooLarge(incoming.id, size, this.#maxMessageSize);
      const durable = this.#store(
        read(incoming.format === PLAIN ? 0 : incoming.format, message as unknown as Buffer),
      );
      if (fault?.action === "lose-confirmation") this.#cut();
      else if (fault?.action === "delay") setTimeout(() => incoming.accept(), fault.delayMs).unref();
      else if (durable === undefined) incoming.accept();
      else void confirm(incoming, durable);
    } catch (error) {
      incoming.reject(amqpError(error, NOT_STORED));
    }
  }

  #cut(): void {
    this.#link.session.connection.socket.destroy();
  }

  #store({ events, partitionKey }: Publication): Promise<void> | undefined {
    // On the link of a partition a key decides nothing and is kept: the vendor's buffered producers for
    // .NET and Java find the partition themselves, and send each event there with its key.
    if (partitionKey !== undefined && partitionKey.length > MAX_KEY_LENGTH) {
      throw new ServiceError(
        CONDITION.argument,
        `The partition key has ${partitionKey.length} characters; ${MAX_KEY_LENGTH} are allowed.`,
      );
    }
    return (this.#partition ?? this.hub.route(partitionKey)).append(events);
  }

  close(error: ServiceError): void {
    this.#closed = true;
    this.#link.close(amqpError(error, ""));
  }
}

async function confirm(delivery: IncomingDelivery, durable: Promise<void>): Promise<void> {
  try {
    await durable;
    delivery.accept();
  } catch (error) {
    delivery.reject(amqpError(error, NOT_STORED));
  }
}

function read(format: number | undefined, bytes: Buffer): Publication {
  try {
    return readPublication(format ?? 0, bytes);
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
