import type { Headers, ReceivedMessage } from "@waybill/core/spi";

/** Which of a group's two streams an entry is in. */
export type Side = "main" | "returns";

/** What is known of a consumer's pending entries in one stream when it hands them back. */
export interface UnsettledEntries {
  /** The ids of those whose handler was called. */
  readonly started: readonly string[];
  /** Those that wait for their next attempt. They may be among `started`; what is said here goes first. */
  readonly delayed: readonly DelayedEntry[];
}

/** An entry that waits for its next attempt. */
export interface DelayedEntry {
  readonly entry: string;
  /** The count that its fields carry. */
  readonly carried: number;
  /** The count with which it is to come again, `carried` included. */
  readonly redeliveries: number;
  /** When it is due, by `performance.now`. */
  readonly dueAt: number;
}

/** Of both streams. */
export type Unsettled = Readonly<Record<Side, UnsettledEntries>>;

/** What decoding fills in; a new object costs less than a copy of one. */
export class RedisDelivery implements ReceivedMessage {
  id = "";
  body: Uint8Array = empty;
  contentType = "";
  key: string | undefined = undefined;
  /** Below 0 until a message says when it was published: 0 is a time like any other. */
  timestamp = -1;
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
  /** When its next attempt is due, by `performance.now`: it was handed back while it waited for that. */
  dueAt = 0;
  /** The epoch of the read budget that it counts in; 0: in none. */
  heldSince = 0;

  constructor(entry: string, fields: readonly Buffer[]) {
    this.entry = entry;
    this.fields = fields;
  }

  get waitMs(): number {
    return this.dueAt === 0 ? 0 : Math.max(0, this.dueAt - performance.now());
  }

  /** Of its redeliveries, those that its fields carry: the rest is the broker's own count. */
  get carried(): number {
    return this.redeliveries - (this.count - 1);
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
