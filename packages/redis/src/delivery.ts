import type { Headers, ReceivedMessage } from "@waybill/core/spi";

/** Which of a group's two streams an entry is in. */
export type Side = "main" | "returns";

/** The ids of entries whose handler was called, by the stream they are in. */
export type StartedEntries = Readonly<Record<Side, readonly string[]>>;

/** What decoding fills in; a new object costs less than a copy of one. */
export class RedisDelivery implements ReceivedMessage {
  id = "";
  body: Uint8Array = empty;
  contentType = "";
  key: string | undefined = undefined;
  timestamp = 0;
  headers: Headers = noHeaders;
  expiresAt: number | undefined = undefined;
  replyTo: string | undefined = undefined;
  correlationId: string | undefined = undefined;
  redeliveries = 0;
  partition: string | undefined = undefined;

  /** The entry's id in its stream: what is acked. */
  readonly entry: string;
  readonly fields: readonly Buffer[];
  /** The id it had when it was published, if a retry or hand-back has given it another since. */
  origin: string | undefined = undefined;
  side: Side = "main";
  /** The broker's delivery count at this delivery. With the consumer's name it tells this delivery from a later one. */
  count = 1;
  /** A moment (by `performance.now`) that was not after the lease began. */
  leasedAt = 0;
  /** The length of all its fields' names and values. */
  bytes = 0;
  /** The epoch of the read budget that it counts in; 0: in none. */
  heldSince = 0;

  constructor(entry: string, fields: readonly Buffer[]) {
    this.entry = entry;
    this.fields = fields;
  }

  get position(): string | undefined {
    return this.origin ?? (this.side === "main" ? this.entry : undefined);
  }

  /** The stream entry as ioredis gave it. */
  get native(): { readonly id: string; readonly fields: readonly Buffer[] } {
    return { id: this.entry, fields: this.fields };
  }
}

const empty = new Uint8Array(0);

export const noHeaders: Headers = Object.freeze(Object.create(null) as Record<string, string>);
