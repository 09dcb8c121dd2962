import type { AmqpConnection } from "../client/amqp-connection.ts";
import type { GroupStore } from "../groups/checkpoint-store.ts";
import type { Settings } from "../options.ts";

/** What all that consume on one connection share. */
export interface ConsumerContext {
  readonly settings: Settings;
  readonly amqp: AmqpConnection;
  /** `undefined` where no checkpoint store is configured. */
  readonly store: GroupStore | undefined;
  /** Something failed in the background that will be tried again. */
  report(cause: unknown): void;
  /** Fires when the connection is closed. */
  readonly signal: AbortSignal;
}
