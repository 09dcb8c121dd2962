import type { MessagingError } from "../errors/messaging-error.ts";
import type { Feature } from "../spi/capabilities.ts";
import type { Publisher } from "./publisher.ts";
import type { QueueConsumer, QueueSender } from "./queue.ts";
import type { ConsumerRef, RedriveOptions, RedriveReport } from "./redrive.ts";
import type { Requester, Responder } from "./request-reply.ts";
import type { Subscriber } from "./subscriber.ts";
import type { CloseOptions, SubscriptionState } from "./subscription.ts";
import type { TopologyClient } from "./topology.ts";

/** How a client is, as plain data: `JSON.stringify(client.health())` is fit for a health endpoint. */
export interface Health {
  readonly status: "up" | "recovering" | "closing" | "closed";
  /** Since when, as far as is known: milliseconds since the epoch. */
  readonly since: number;
  /** Why it is not up. */
  readonly error: MessagingError | undefined;
  /** Messages published and not yet confirmed. */
  readonly pendingPublishes: number;
  readonly subscriptions: readonly {
    readonly source: string;
    readonly group: string | undefined;
    readonly state: SubscriptionState;
    /** Since when, milliseconds since the epoch. */
    readonly since: number;
    readonly running: number;
    readonly held: number;
    /** Ordering keys that wait for a dead-lettered message, see `afterDeadLetter`. */
    readonly blockedKeys: number;
  }[];
}

/** A client of one broker. `F` is the union of features it may use: the driver's, or those named in `requires`. */
export interface Client<F extends Feature = never>
  extends Publisher<F>,
    Subscriber<F>,
    QueueSender<F>,
    QueueConsumer<F>,
    Requester<F>,
    Responder<F>,
    AsyncDisposable {
  readonly topology: TopologyClient<F>;
  /** Brings dead-lettered messages back to where they failed. */
  redrive(from: ConsumerRef, options?: RedriveOptions): Promise<RedriveReport>;
  health(): Health;
  /** The driver's name and the broker's own word of itself. For messages, not for decisions. */
  readonly broker: { readonly adapter: string; readonly name: string; readonly version: string | undefined };
  /** The vendor client, for what Waybill does not do. It changes with every reconnect. */
  readonly native: unknown;
  /** Drains every subscription, flushes publishes, closes the connection. Idempotent. */
  close(options?: CloseOptions): Promise<void>;
}
