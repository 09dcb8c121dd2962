import type { Feature } from "../spi/capabilities.ts";
import type { Headers } from "../spi/message.ts";
import type { ConsumeOptions } from "./consume-options.ts";
import type { QueueContract } from "./contract.ts";
import type { Delivery } from "./delivery.ts";
import type { Subscription } from "./subscription.ts";

export interface RequestOptions {
  /** How long to wait for the reply, in milliseconds. Default 30 000. An older request is not answered any more. */
  readonly timeoutMs?: number;
  readonly headers?: Headers;
  readonly signal?: AbortSignal;
}

/** Asks and awaits the answer. */
export interface Requester<F extends Feature = never> {
  /**
   * @throws MessagingError `REQUEST_TIMEOUT` when no reply came in time, `REMOTE_ERROR`
   * when the responder threw (its message, and its code in `details`).
   */
  request<In, ReplyOut>(
    // biome-ignore lint/suspicious/noExplicitAny: the other direction does not matter here
    to: "requestReply" extends F ? QueueContract<In, any, any, ReplyOut> : never,
    value: NoInfer<In>,
    options?: RequestOptions,
  ): Promise<ReplyOut>;
}

/** Answers. */
export interface Responder<F extends Feature = never> {
  /**
   * What the handler returns is the reply; what it throws travels back as an error.
   * A request is answered once and not retried: the requester decides.
   */
  respond<Out, ReplyIn>(
    // biome-ignore lint/suspicious/noExplicitAny: the other direction does not matter here
    to: "requestReply" extends F ? QueueContract<any, Out, ReplyIn, any> : never,
    options: ConsumeOptions,
    handler: (value: Out, delivery: Delivery<Out>) => ReplyIn | Promise<ReplyIn>,
  ): Promise<Subscription>;
  respond<Out, ReplyIn>(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    to: "requestReply" extends F ? QueueContract<any, Out, ReplyIn, any> : never,
    handler: (value: Out, delivery: Delivery<Out>) => ReplyIn | Promise<ReplyIn>,
  ): Promise<Subscription>;
}
