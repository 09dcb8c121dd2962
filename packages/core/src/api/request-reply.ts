import type { Feature } from "../spi/capabilities.ts";
import type { Headers } from "../spi/message.ts";
import type { ConsumeOptions } from "./consume-options.ts";
import type { QueueContract } from "./contract.ts";
import type { Delivery } from "./delivery.ts";
import type { Has, HasFeatures } from "./gated.ts";
import type { Subscription } from "./subscription.ts";

/** How long a request may take, and what travels with it. */
export interface RequestOptions {
  /** How long to wait for the reply, in milliseconds. Default 30 000. An older request is not answered any more. */
  readonly timeoutMs?: number | undefined;
  /** Text pairs that travel with the request. Names beginning `waybill-` are reserved. */
  readonly headers?: Headers | undefined;
  /** Stops waiting for the reply. The request may be handled all the same. */
  readonly signal?: AbortSignal | undefined;
}

declare const withoutReply: unique symbol;

/** Stands, in a compiler's message, for a queue whose contract has no `reply`. No value is of this type. */
export interface GiveTheContractAReply {
  readonly [withoutReply]: never;
}

/** A queue that can be asked, or answered for: the client has the feature, and the contract says how replies look. */
export type Askable<F extends Feature, Queue, Reply> = Queue &
  Has<F, "requestReply"> &
  ([Reply] extends [never] ? GiveTheContractAReply : unknown);

/** Asks and awaits the reply. */
export interface Requester<F extends Feature = never> extends HasFeatures<F> {
  /**
   * Sends a request and resolves with its reply. It passes the publish middleware.
   * @throws MessagingError `REQUEST_TIMEOUT` when no reply came in time; `REMOTE_ERROR` when the
   * responder threw: its code is in `details.code`, and `details.message` is what it chose to tell
   * (see `ReplyError`); `OVERLOADED` when as many requests, or bytes of them, await their
   * replies as `maxPending` allows.
   */
  request<In, ReplyOut>(
    // biome-ignore lint/suspicious/noExplicitAny: the other direction does not matter here
    to: Askable<F, QueueContract<In, any, any, ReplyOut>, ReplyOut>,
    value: NoInfer<In>,
    options?: RequestOptions,
  ): Promise<ReplyOut>;
}

/** A request as its handler gets it: it is answered once, by what the handler returns or throws, and never retried. */
export type RequestDelivery<T = unknown> = Omit<Delivery<T>, "retry" | "reject">;

/** Answers requests. */
export interface Responder<F extends Feature = never> extends HasFeatures<F> {
  /**
   * What the handler returns is the reply. Of what it throws only the `code` travels to the
   * requester, and the message too where it is a `ReplyError` or has `expose: true`; anything else
   * is reported here. A request is answered once and not retried: the requester decides. So a
   * `PostponedError`, a `timeout` or a middleware that throws is an answer like any other, and `retry`
   * and `reject` of its delivery are refused as `INVALID_ARGUMENT`. A reply that cannot be sent at once, as when
   * the client has no room for it, is tried again for as long as the requester waits, then given up and reported; only
   * where the responder dies does the request come again. A middleware that does not call `next` leaves it unanswered,
   * which is reported. One that nobody waits for any more is not handled, and is reported.
   *
   * What asks for no reply, as by `send`, is a message like any other: `options.retry` and `options.deadLetter` say
   * what becomes of it when the handler throws.
   */
  respond<Out, ReplyIn>(
    // biome-ignore lint/suspicious/noExplicitAny: the other direction does not matter here
    to: Askable<F, QueueContract<any, Out, ReplyIn, any>, ReplyIn>,
    options: ConsumeOptions,
    handler: (value: Out, delivery: RequestDelivery<Out>) => NoInfer<ReplyIn> | Promise<NoInfer<ReplyIn>>,
  ): Promise<Subscription>;
  respond<Out, ReplyIn>(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    to: Askable<F, QueueContract<any, Out, ReplyIn, any>, ReplyIn>,
    handler: (value: Out, delivery: RequestDelivery<Out>) => NoInfer<ReplyIn> | Promise<NoInfer<ReplyIn>>,
  ): Promise<Subscription>;
}
