import type { Headers } from "../spi/message.ts";
import type { Subscription } from "./subscription.ts";

/** What became of a settlement. `lost`: the broker had already taken the message back. `already-settled`: an earlier one won. */
export type SettleResult = "settled" | "lost" | "already-settled";

/** A message as a handler gets it. */
export interface Delivery<T = unknown> {
  /** What the contract's codec and schema made of the body. */
  readonly value: T;
  /** The same at every attempt, in the dead-letter queue and after a redrive; empty where an external producer gave none. */
  readonly id: string;
  /** The body as it came, before decoding: a copy, made when it is first asked for. */
  readonly body: Uint8Array;
  /** The media type of the body; empty where an external producer gave none. */
  readonly contentType: string;
  /** The headers as they were sent: a copy, without those by which Waybill counts. */
  readonly headers: Headers;
  /** The ordering key, if the message has one. */
  readonly key: string | undefined;
  /** When it was published, milliseconds since the epoch. */
  readonly timestamp: number;
  /** As its publisher gave it. */
  readonly correlationId: string | undefined;
  /** 1 for the first time. Exact or a lower bound after crashes: see the adapter's capabilities. */
  readonly attempt: number;
  /** The portable name of the topic or queue. */
  readonly source: string;
  /** The group; `undefined` for a queue or a broadcast. */
  readonly group: string | undefined;
  /** For `start: { position }`, where the broker has positions. */
  readonly position: string | undefined;
  /** Fires when the handler's result is no longer wanted: the drain deadline is over, or the lease was lost. */
  readonly signal: AbortSignal;
  /** The vendor client's own message. */
  readonly native: unknown;
  /** What the application has settled it as, if it has; a middleware learns here what became of it. */
  readonly settlement: "ack" | "retry" | "reject" | undefined;
  /** The subscription that received it, to pause it for instance. */
  readonly subscription: Subscription;
  /** Done. Without a settlement of your own, a handler that resolves acks. The first settlement wins. */
  ack(): Promise<SettleResult>;
  /**
   * Not now: deliver it again, after `delayMs` if given, else after what the retry policy says. Counts as an
   * attempt. Rejects with `INVALID_ARGUMENT` for a delay of more than a day that is also more than the broker can delay a message.
   */
  retry(options?: {
    readonly delayMs?: number | undefined;
    readonly reason?: unknown | undefined;
  }): Promise<SettleResult>;
  /** Never: to the dead-letter queue at once. */
  reject(reason?: unknown): Promise<SettleResult>;
}

/** Resolving acks; throwing leaves it to the retry policy. */
export type Handler<T> = (value: T, delivery: Delivery<T>) => unknown;
