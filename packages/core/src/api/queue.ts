import type { Feature } from "../spi/capabilities.ts";
import type { ConsumeOptions, OptionsByOrder } from "./consume-options.ts";
import type { QueueContract } from "./contract.ts";
import type { Handler } from "./delivery.ts";
import type { HasFeatures } from "./gated.ts";
import type { DelayByOrder, PublishBatchOptions, PublishOptions, Receipt } from "./publisher.ts";
import type { Subscription } from "./subscription.ts";

/** Sends to queues. */
export interface QueueSender<F extends Feature = never> extends HasFeatures<F> {
  /** Like `publish`, to a queue. */
  send<In, Ordered extends boolean = boolean>(
    // biome-ignore lint/suspicious/noExplicitAny: what comes out does not matter to who puts in
    to: QueueContract<In, any, any, any, Ordered>,
    value: NoInfer<In>,
    options?: PublishOptions<F> & DelayByOrder<Ordered>,
  ): Promise<Receipt>;
  /** Like `publishBatch`, to a queue. */
  sendBatch<In, Ordered extends boolean = boolean>(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    to: QueueContract<In, any, any, any, Ordered>,
    values: readonly NoInfer<In>[],
    options?: PublishBatchOptions<F> & DelayByOrder<Ordered>,
  ): Promise<readonly Receipt[]>;
}

/** Consumes queues. */
export interface QueueConsumer<F extends Feature = never> extends HasFeatures<F> {
  consume<Out, Ordered extends boolean = boolean>(
    // biome-ignore lint/suspicious/noExplicitAny: what goes in does not matter to who takes out
    from: QueueContract<any, Out, any, any, Ordered>,
    options: ConsumeOptions & OptionsByOrder<F, Ordered>,
    handler: Handler<Out>,
  ): Promise<Subscription>;
  consume<Out>(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    from: QueueContract<any, Out, any, any>,
    handler: Handler<Out>,
  ): Promise<Subscription>;
}

/** Sends to queues and consumes them. */
export interface Queue<F extends Feature = never> extends QueueSender<F>, QueueConsumer<F> {}
