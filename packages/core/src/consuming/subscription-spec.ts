import type { Link } from "../client/link.ts";
import type { Observer } from "../client/observer.ts";
import type { AnyPayload } from "../contract/contract.ts";
import type { MessagingError } from "../errors/messaging-error.ts";
import type { HandleMiddleware } from "../policies/middleware.ts";
import type { Outbox } from "../publishing/outbox.ts";
import type { Address, Filter, StartPosition } from "../spi/address.ts";
import type { Clock } from "../spi/clock.ts";
import type { Driver } from "../spi/driver.ts";
import type { TopologyItem } from "../spi/topology.ts";
import type { Attempt } from "./attempt.ts";
import type { ConsumeSettings } from "./settings.ts";

/** What every subscription of a client shares. */
export interface SubscriptionContext {
  readonly driver: Driver;
  readonly link: Link;
  readonly clock: Clock;
  readonly observer: Observer | undefined;
  readonly onError: (error: MessagingError) => void;
  readonly startTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  prepare(item: TopologyItem): Promise<void>;
  outbox(address: Address): Outbox;
}

/** What one subscription is about. */
export interface SubscriptionSpec {
  readonly address: Address;
  readonly start: StartPosition;
  readonly filter: Filter | undefined;
  readonly payload: AnyPayload;
  readonly settings: ConsumeSettings;
  readonly deadLetter: Address | undefined;
  readonly middleware: HandleMiddleware | undefined;
  readonly settles: boolean;
  readonly handler: (value: unknown, attempt: Attempt) => unknown;
  readonly signal: AbortSignal | undefined;
}
