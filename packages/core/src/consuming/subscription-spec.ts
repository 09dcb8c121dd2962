import type { AnyPayload } from "../api/contract.ts";
import type { AfterDeadLetter } from "../api/failure-policy.ts";
import type { HandleMiddleware } from "../api/middleware.ts";
import type { Observer } from "../api/observer.ts";
import type { ReconnectingConnection } from "../connection/reconnecting-connection.ts";
import type { MessagingError } from "../errors/messaging-error.ts";
import type { DestinationSender } from "../publishing/destination-sender.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Address, Filter, StartPosition } from "../spi/address.ts";
import type { Driver } from "../spi/driver.ts";
import type { TopologyItem } from "../spi/topology.ts";
import type { Attempt } from "./attempt.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import type { DeadLetterWatches } from "./dead-letter-watches.ts";
import type { ConsumeSettings } from "./settings.ts";
import type { Demand } from "./takers.ts";

/** What every subscription of a client shares. */
export interface SubscriptionContext {
  readonly driver: Driver;
  readonly connector: ReconnectingConnection;
  readonly clock: Clock;
  readonly observer: Observer | undefined;
  readonly onError: (error: MessagingError) => void;
  readonly onWarning: (warning: MessagingError) => void;
  /** What was tried of messages that come again, for the whole client. */
  readonly attempts: AttemptMemory;
  readonly deadLetterWatches: DeadLetterWatches;
  /** Topics and queues are made by an operator, and only looked at here. */
  readonly verifies: boolean;
  readonly startTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  prepare(item: TopologyItem, signal: AbortSignal): Promise<void>;
  sender(address: Address): DestinationSender;
}

/** What one subscription is about. */
export interface SubscriptionSpec {
  readonly address: Address;
  readonly start: StartPosition;
  readonly filter: Filter | undefined;
  readonly payload: AnyPayload;
  readonly settings: ConsumeSettings;
  readonly deadLetter: Address | undefined;
  readonly afterDeadLetter: AfterDeadLetter;
  /** The first is outermost. */
  readonly middleware: readonly HandleMiddleware[];
  readonly settles: boolean;
  readonly handler: (value: unknown, attempt: Attempt) => unknown;
  readonly signal: AbortSignal | undefined;
  /** Where the application takes deliveries one by one: for how many it asks. */
  readonly demand: Demand | undefined;
}
