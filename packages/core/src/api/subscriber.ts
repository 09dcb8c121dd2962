import type { Filter } from "../spi/address.ts";
import type { Feature } from "../spi/capabilities.ts";
import type { ConsumeOptions, OptionsByOrder } from "./consume-options.ts";
import type { QueueContract, TopicContract } from "./contract.ts";
import type { Delivery, Handler } from "./delivery.ts";
import type { Gated, Has, HasFeatures } from "./gated.ts";
import type { Subscription } from "./subscription.ts";

/** Where a subscription begins. */
export type Start = "latest" | "earliest" | { readonly time: Date | number } | { readonly position: string };

/** Which messages a subscription gets, where the broker filters by headers. */
export type FilterOptions<F extends Feature> = Gated<
  F,
  "filters",
  {
    /** Only messages whose headers match. The others are dropped for this group. */
    readonly filter?: Filter | undefined;
  }
>;

/** A subscription as a member of a group. */
export type GroupOptions<F extends Feature> = {
  /** Members of one group share the topic's messages; every group gets them all. */
  readonly group: string;
  readonly broadcast?: undefined;
} & Gated<
  F,
  "groupStart",
  {
    /** Where a group begins that does not exist yet. Default `latest`. Else only for `retained` topics. */
    readonly start?: Start | undefined;
  }
>;

/** A subscription that gets every message by itself, without a group. */
export type BroadcastOptions<F extends Feature> = {
  /** No group: live messages, to this subscription alone, with nothing left behind. */
  readonly broadcast: true & Has<F, "broadcast">;
  readonly group?: undefined;
  /** A broadcast has no dead-letter queue of its own. */
  readonly afterDeadLetter?: undefined;
} & Gated<
  F,
  "replay",
  {
    /** Where to begin. Default `latest`. Else only for `retained` topics: a replay. */
    readonly start?: Start | undefined;
  }
>;

/** What `subscribe` takes: a group or a broadcast, and what consumers of every kind take. */
export type SubscribeOptions<F extends Feature = Feature> = ConsumeOptions &
  FilterOptions<F> &
  (GroupOptions<F> | BroadcastOptions<F>);

/** Deliveries to be pulled with `for await`. Leaving the loop closes the subscription. */
export interface DeliveryIterator<T> extends AsyncIterableIterator<Delivery<T>>, AsyncDisposable {
  /** Resolves when nothing sent from now on would be missed. Starts the subscription if the loop has not. */
  readonly ready: () => Promise<Subscription>;
}

/** Consumes topics. */
export interface Subscriber<F extends Feature = never> extends HasFeatures<F> {
  /** Resolves when nothing published from now on would be missed. */
  subscribe<Out, Ordered extends boolean = boolean>(
    // biome-ignore lint/suspicious/noExplicitAny: what goes in does not matter to who takes out
    from: TopicContract<any, Out, Ordered>,
    options: SubscribeOptions<F> & OptionsByOrder<F, Ordered>,
    handler: Handler<Out>,
  ): Promise<Subscription>;
  /**
   * Pull style. Settle each delivery yourself; leaving the loop closes the
   * subscription and hands back what was not settled. So does asking for another after the
   * loop's own body has called `close`, which does not wait for the delivery of that body.
   */
  messages<Out, Ordered extends boolean = boolean>(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    from: TopicContract<any, Out, Ordered>,
    options: SubscribeOptions<F> & OptionsByOrder<F, Ordered>,
  ): DeliveryIterator<Out>;
  messages<Out, Ordered extends boolean = boolean>(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    from: QueueContract<any, Out, any, any, Ordered>,
    options?: ConsumeOptions & OptionsByOrder<F, Ordered>,
  ): DeliveryIterator<Out>;
}
