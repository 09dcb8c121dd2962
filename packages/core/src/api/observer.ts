import type { MessagingError } from "../errors/messaging-error.ts";
import type { Address } from "../spi/address.ts";
import type { ReceivedMessage, WireMessage } from "../spi/message.ts";
import type { SettleResult } from "./delivery.ts";

/**
 * Told of everything that happens, in the order in which it happens. Each method
 * is optional, must be quick and must not throw. Durations are in milliseconds. The messages it
 * is given are its own: changing them, their bytes or their headers changes nothing else.
 */
export interface Observer {
  /** A batch was confirmed or failed; `errors` holds one entry per failed message, by index. */
  readonly published?:
    | ((
        to: Address,
        batch: readonly WireMessage[],
        errors: ReadonlyMap<number, MessagingError>,
        ms: number,
      ) => void)
    | undefined;
  readonly received?: ((from: Address, batch: readonly ReceivedMessage[]) => void) | undefined;
  /** A handler ended. `error` is what it threw. */
  readonly handled?:
    | ((from: Address, delivery: ReceivedMessage, error: unknown, ms: number) => void)
    | undefined;
  readonly settled?:
    | ((
        from: Address,
        delivery: ReceivedMessage,
        outcome: "ack" | "retry" | "dead-letter",
        result: SettleResult,
      ) => void)
    | undefined;
  /** An ordering key begins to wait for this dead-lettered message, see `afterDeadLetter`. That it waits no more, `settled` tells. */
  readonly keyBlocked?: ((from: Address, delivery: ReceivedMessage) => void) | undefined;
  /** The client's connection came up, went down or ended. */
  readonly connection?:
    | ((status: "up" | "recovering" | "closed", cause: MessagingError | undefined) => void)
    | undefined;
}
