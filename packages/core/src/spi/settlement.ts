import type { ReceivedMessage } from "./message.ts";

/**
 * What became of a delivery. Core gives each delivery at most one. Under
 * cumulative settlement an ack covers all earlier deliveries of its partition.
 * `retry` comes only where `capabilities.retry` is `native`.
 */
export type Settlement =
  | { readonly delivery: ReceivedMessage; readonly outcome: "ack" }
  | { readonly delivery: ReceivedMessage; readonly outcome: "retry"; readonly delayMs: number };

/**
 * `settled`: the broker took it. `lost`: the lease, partition or channel had gone
 * before, so the message is or will be someone else's. Otherwise the cause.
 */
export type SettleOutcome = "settled" | "lost" | { readonly cause: unknown };

/**
 * `unrouted`: stored nowhere because no group or queue was there to take it; only
 * where `capabilities.reportsUnrouted`. `cause`: not stored, as far as is known.
 */
export type PublishOutcome =
  | { readonly ok: true; readonly position?: string; readonly unrouted?: boolean }
  | { readonly ok: false; readonly cause: unknown };

/** The outcome of a plain success; shared, so that a full batch costs no garbage. */
export const stored: PublishOutcome = Object.freeze({ ok: true });
