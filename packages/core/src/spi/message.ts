/** Header names to values. A null-prototype object when it comes from the wire, since names are the sender's. */
export type Headers = Readonly<Record<string, string>>;

/**
 * A message on its way out, already validated, encoded and within the limits.
 * A driver puts each field in the broker's native place for it; what has none
 * travels under the header name that `metadataHeaders` gives.
 */
export interface WireMessage {
  /** Unique per message; a retry, a dead-lettered copy and a redrive keep it. */
  readonly id: string;
  /**
   * Names this publish: the same when core sends the message again because the answer was lost,
   * and new for a retry, a dead-lettered copy or a redrive. For a broker's own deduplication.
   * At most 60 characters of `A–Z a–z 0–9 - _`.
   */
  readonly publishToken: string;
  readonly body: Uint8Array;
  /** The media type of `body`; empty when an external producer gave none. */
  readonly contentType: string;
  /** The ordering key. Only for addresses that are `ordered`. */
  readonly key: string | undefined;
  /** When it was published, milliseconds since the epoch. */
  readonly timestamp: number;
  readonly headers: Headers;
  /** Deliver no earlier than this many milliseconds from now. 0 = at once. */
  readonly delayMs: number;
  /** Not to be delivered at or after this time (milliseconds since the epoch). */
  readonly expiresAt: number | undefined;
  /** The name of the inbox that awaits the reply. */
  readonly replyTo: string | undefined;
  /** Ties a reply to its request. */
  readonly correlationId: string | undefined;
}

/**
 * A message that a consumer received, and the token by which it is settled:
 * core hands the very object back in `Settlement.delivery`, so a driver may add
 * fields of its own.
 */
export interface ReceivedMessage extends Omit<WireMessage, "delayMs" | "publishToken"> {
  /** How often the broker knows to have delivered it before; 0 for the first time, or where it does not count. */
  readonly redeliveries: number;
  /**
   * How long it is still to wait before its handler is called, in milliseconds from now: it was
   * handed back while it waited for its next attempt (`CloseConsumerOptions.delayed`), and the
   * broker could not keep it back. Core waits, and cuts it to the longest backoff of the
   * subscription. Default: 0.
   */
  readonly waitMs?: number | undefined;
  /** What must stay in order or moves together: a partition, a message group. `undefined` where there is none. */
  readonly partition: string | undefined;
  /** Where it is in the topic, as `StartPosition` takes it. Opaque to core. */
  readonly position: string | undefined;
  /** The vendor client's own message. */
  readonly native: unknown;
}

/** Where metadata travels on a broker with no native place for it. */
export const metadataHeaders = {
  id: "waybill-id",
  contentType: "content-type",
  key: "waybill-key",
  timestamp: "waybill-timestamp",
  expiresAt: "waybill-expires-at",
  replyTo: "waybill-reply-to",
  correlationId: "waybill-correlation-id",
} as const;

/** Header names that begin so are Waybill's own; applications may not set them. */
export const reservedHeaderPrefix = "waybill-";
