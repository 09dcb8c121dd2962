import type { Observer } from "../api/observer.ts";
import type { MessagingError } from "../errors/messaging-error.ts";
import type { Address } from "../spi/address.ts";
import type { Driver } from "../spi/driver.ts";
import type { PendingBudget } from "./pending-budget.ts";
import type { PreparationContext } from "./preparation.ts";

/** What every sender of a client shares. */
export interface DestinationSenderContext extends PreparationContext {
  readonly driver: Driver;
  readonly budget: PendingBudget;
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  readonly observer: Observer | undefined;
  readonly onError: (error: MessagingError) => void;
  /** Why messages have to be sent again, if they have, may be another. */
  readonly troubleChanged: () => void;
  /** The destination may be gone: the next `prepare` is to look again. */
  forget(address: Address): void;
}
