import type { Feature } from "../spi/capabilities.ts";
import type { Headers } from "../spi/message.ts";
import type { TopicContract } from "./contract.ts";
import type { Gated, Has, HasFeatures } from "./gated.ts";

/** What a message can be given beside its value, on every broker. */
export interface MessageOptions {
  /** Text pairs that travel with the message. Names beginning `waybill-` are reserved. */
  readonly headers?: Headers | undefined;
  /** Default: a new unique id. Give your own where a store deduplicates by it. */
  readonly id?: string | undefined;
  /** When it happened, milliseconds since the epoch. Default: now. */
  readonly timestamp?: number | undefined;
  /** Ties messages together; Waybill only carries it. */
  readonly correlationId?: string | undefined;
  /** Stops waiting for the confirmation. The message may have been stored all the same. */
  readonly signal?: AbortSignal | undefined;
}

/** What `publish` and `send` take: `MessageOptions`, and a delay and a time to live where the broker has them. */
export type PublishOptions<F extends Feature = Feature> = MessageOptions &
  /** Deliver no earlier than this many milliseconds after publishing. */
  Gated<F, "delay", { readonly delayMs?: number | undefined }> &
  /** Do not deliver once this many milliseconds have passed since publishing. */
  Gated<F, "ttl", { readonly ttlMs?: number | undefined }>;

/** Options for every message of a batch: each gets an id of its own. */
export type PublishBatchOptions<F extends Feature = Feature> = PublishOptions<F> & {
  readonly id?: undefined;
};

declare const withKey: unique symbol;

/** Stands, in a compiler's message, for a contract with an ordering key, which a delay would break. No value is of this type. */
export interface DelayWithoutAKey {
  readonly [withKey]: never;
}

/**
 * What a contract that has an ordering key for sure takes of a delay: none. The options of a client
 * that has no delays name none, so that they may be handed on.
 */
export type DelayByOrder<Ordered extends boolean> = [Ordered] extends [true]
  ? { readonly delayMs?: 0 | DelayWithoutAKey | Has<never, "delay"> | undefined }
  : unknown;

/** The broker has the message. */
export interface Receipt {
  readonly id: string;
  /** Where the broker put it, for replay, where the adapter is told at no cost: the embedded broker in a retained topic. Else a delivery has it. */
  readonly position: string | undefined;
  /** True when nobody was there to keep it: no group, and a broker that keeps nothing without one. */
  readonly unrouted: boolean;
}

/** Publishes to topics. */
export interface Publisher<F extends Feature = never> extends HasFeatures<F> {
  /**
   * Resolves when the broker has confirmed the message. What is published in the
   * same turn travels together; a lone message leaves at once.
   * @throws MessagingError before any I/O for a bad value, header, name or option;
   * afterwards a retryable one when no confirmation came within `publishTimeoutMs`.
   */
  publish<In, Ordered extends boolean = boolean>(
    // biome-ignore lint/suspicious/noExplicitAny: what comes out does not matter to who puts in
    to: TopicContract<In, any, Ordered>,
    value: NoInfer<In>,
    options?: PublishOptions<F> & DelayByOrder<Ordered>,
  ): Promise<Receipt>;
  /** Publishes many. @throws PartialFailureError naming those that were not stored. */
  publishBatch<In, Ordered extends boolean = boolean>(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    to: TopicContract<In, any, Ordered>,
    values: readonly NoInfer<In>[],
    options?: PublishBatchOptions<F> & DelayByOrder<Ordered>,
  ): Promise<readonly Receipt[]>;
}
