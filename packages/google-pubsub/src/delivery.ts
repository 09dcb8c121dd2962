import type { Headers, ReceivedMessage } from "@waybill/core/spi";
import type { PulledMessage } from "./service.ts";

/** What decoding fills in. */
export class PubsubDelivery implements ReceivedMessage {
  id = "";
  body: Uint8Array = empty;
  contentType = "";
  key: string | undefined = undefined;
  timestamp = 0;
  headers: Headers = noHeaders;
  expiresAt: number | undefined = undefined;
  replyTo: string | undefined = undefined;
  correlationId: string | undefined = undefined;
  /** What the service counts includes what was handed back untried, so it is not taken for attempts. */
  readonly redeliveries = 0;
  readonly partition = undefined;
  readonly position = undefined;

  /** When it is due, milliseconds since the epoch; 0: at once. */
  dueAt = 0;
  /** The inbox it is for. */
  inbox: string | undefined = undefined;
  /** The subscription it came from, by its full name. */
  subscription = "";
  /** By `performance.now`: from then on it may be someone else's. */
  leasedUntil = 0;

  /** The message as the vendor client gave it. */
  readonly native: PulledMessage;

  constructor(native: PulledMessage) {
    this.native = native;
  }

  get ackId(): string {
    return this.native.ackId as string;
  }
}

const empty = new Uint8Array(0);

const noHeaders: Headers = Object.freeze(Object.create(null) as Record<string, string>);
