import type { AnyQueue, QueueContract, TopicContract } from "../contract/contract.ts";
import type { MessagingError } from "../errors/messaging-error.ts";
import type { DeadLetterPolicy, RetryPolicy } from "../policies/failure-policy.ts";
import type { HandleMiddleware } from "../policies/middleware.ts";
import type { Filter } from "../spi/address.ts";
import type { Feature } from "../spi/capabilities.ts";
import type { Headers } from "../spi/message.ts";

/** `Options` where the client has the feature; where it has not, naming one of them does not compile. */
type Gated<F extends Feature, Needed extends Feature, Options> = [Needed] extends [F]
  ? Options
  : { readonly [K in keyof Options]?: never };

// ── Publishing ────────────────────────────────────────────────────────────────

interface MessageOptions {
  /** Text pairs that travel with the message. Names beginning `waybill-` are reserved. */
  readonly headers?: Headers;
  /** Default: a new unique id. Give your own where a store deduplicates by it. */
  readonly id?: string;
  /** When it happened, milliseconds since the epoch. Default: now. */
  readonly timestamp?: number;
  /** Ties messages together; Waybill only carries it. */
  readonly correlationId?: string;
  /** Stops waiting for the confirmation. The message may have been stored all the same. */
  readonly signal?: AbortSignal;
}

export type PublishOptions<F extends Feature = Feature> = MessageOptions &
  /** Deliver no earlier than this many milliseconds after publishing. */
  Gated<F, "delay", { readonly delayMs?: number }> &
  /** Do not deliver once this many milliseconds have passed since publishing. */
  Gated<F, "ttl", { readonly ttlMs?: number }>;

/** The broker has the message. */
export interface Receipt {
  readonly id: string;
  /** Where the broker put it, where it tells. For replay. */
  readonly position: string | undefined;
  /** True when nobody was there to keep it: no group, and a broker that keeps nothing without one. */
  readonly unrouted: boolean;
}

/** Publishes to topics. */
export interface Publisher<F extends Feature = never> {
  /**
   * Resolves when the broker has confirmed the message. What is published in the
   * same turn travels together; a lone message leaves at once.
   * @throws MessagingError before any I/O for a bad value, header, name or option;
   * afterwards a retryable one when no confirmation came within `publishTimeoutMs`.
   */
  publish<In>(
    // biome-ignore lint/suspicious/noExplicitAny: what comes out does not matter to who puts in
    to: TopicContract<In, any>,
    value: NoInfer<In>,
    options?: PublishOptions<F>,
  ): Promise<Receipt>;
  /** Publishes many. @throws PartialFailureError naming those that were not stored. */
  publishBatch<In>(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    to: TopicContract<In, any>,
    values: readonly NoInfer<In>[],
    options?: PublishOptions<F>,
  ): Promise<readonly Receipt[]>;
}

// ── Receiving ─────────────────────────────────────────────────────────────────

/** What became of a settlement. `lost`: the broker had already taken the message back. `already-settled`: an earlier one won. */
export type SettleResult = "settled" | "lost" | "already-settled";

/** A message as a handler gets it. */
export interface Delivery<T = unknown> {
  readonly value: T;
  readonly id: string;
  /** The body as it came, before decoding. */
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly headers: Headers;
  /** The ordering key, if the message has one. */
  readonly key: string | undefined;
  /** When it was published, milliseconds since the epoch. */
  readonly timestamp: number;
  readonly correlationId: string | undefined;
  /** 1 for the first time. Exact or a lower bound after crashes: see the adapter's capabilities. */
  readonly attempt: number;
  /** The portable name of the topic or queue. */
  readonly source: string;
  /** The group; `undefined` for a queue or a broadcast. */
  readonly group: string | undefined;
  /** For `start: { position }`, where the broker has positions. */
  readonly position: string | undefined;
  /** Fires when the handler's result is no longer wanted: the drain deadline is over, or the lease was lost. */
  readonly signal: AbortSignal;
  /** The vendor client's own message. */
  readonly native: unknown;
  /** What the application has settled it as, if it has; a middleware learns here what became of it. */
  readonly settlement: "ack" | "retry" | "reject" | undefined;
  /** The subscription that received it, to pause it for instance. */
  readonly subscription: Subscription;
  /** Done. Without a settlement of your own, a handler that resolves acks. The first settlement wins. */
  ack(): Promise<SettleResult>;
  /** Not now: deliver it again, after `delayMs` if given, else after what the retry policy says. Counts as an attempt. */
  retry(options?: { readonly delayMs?: number; readonly reason?: unknown }): Promise<SettleResult>;
  /** Never: to the dead letter at once. */
  reject(reason?: unknown): Promise<SettleResult>;
}

/** Resolving acks; throwing leaves it to the retry policy. */
export type Handler<T> = (value: T, delivery: Delivery<T>) => unknown;

export interface ConsumeOptions {
  /** The most handlers at once. Default 10. */
  readonly concurrency?: number;
  /** The most messages held, running ones included. At least `concurrency`. Default: the larger of 100 and 4 × `concurrency`. */
  readonly prefetch?: number;
  /** What happens after a failure. Default: 5 attempts, exponential backoff from 1 s to 5 min with jitter. */
  readonly retry?: RetryPolicy;
  /** Where a message goes that failed for good. Default: a derived queue, see `deadLetterOf`. */
  readonly deadLetter?: DeadLetterPolicy;
  /** Around every handler call, outermost first; inside the client's own. */
  readonly use?: readonly HandleMiddleware[];
  /** The longest that a message is kept from the broker by renewing its lease, in milliseconds. Default 12 hours. */
  readonly maxLeaseMs?: number;
  /** Closes the subscription when it fires. */
  readonly signal?: AbortSignal;
}

/** Where a subscription begins. */
export type Start = "latest" | "earliest" | { readonly time: Date | number } | { readonly position: string };

type FilterOptions<F extends Feature> = Gated<
  F,
  "filters",
  {
    /** Only messages whose headers match. The others are dropped for this group. */
    readonly filter?: Filter;
  }
>;

type GroupOptions<F extends Feature> = {
  /** Members of one group share the topic's messages; every group gets them all. */
  readonly group: string;
  readonly broadcast?: never;
} & Gated<
  F,
  "groupStart",
  {
    /** Where a group begins that does not exist yet. Default `latest`. Else only for `retained` topics. */
    readonly start?: Start;
  }
>;

type BroadcastOptions<F extends Feature> = Gated<
  F,
  "broadcast",
  {
    /** No group: live messages, to this subscription alone, with nothing left behind. */
    readonly broadcast: true;
  }
> & { readonly group?: never } & Gated<
    F,
    "replay",
    {
      /** Where to begin. Default `latest`. Else only for `retained` topics: a replay. */
      readonly start?: Start;
    }
  >;

export type SubscribeOptions<F extends Feature = Feature> = ConsumeOptions &
  FilterOptions<F> &
  (GroupOptions<F> | BroadcastOptions<F>);

/** One running subscription, consumer or responder. */
export interface Subscription extends AsyncDisposable {
  /** The portable name of the topic or queue. */
  readonly source: string;
  readonly group: string | undefined;
  readonly state: SubscriptionState;
  /** Handlers running now. */
  readonly running: number;
  /** Messages held now, running ones included. */
  readonly held: number;
  /** Starts no further handler until `resume`. Keeps membership and leases. */
  pause(): void;
  resume(): void;
  /** Takes effect with the next handler. */
  setConcurrency(concurrency: number): void;
  /** Resolves when it has ended: with the error if it failed, with nothing if it was closed. Never rejects. */
  readonly ended: Promise<MessagingError | undefined>;
  /**
   * Stops intake, waits for running handlers up to the deadline (default: the
   * client's `drainTimeoutMs`), settles what ended, hands the rest back.
   */
  close(options?: CloseOptions): Promise<void>;
}

/** `recovering`: the broker is away, and the subscription resumes by itself. `failed`: it cannot go on; see `ended`. */
export type SubscriptionState = "running" | "paused" | "recovering" | "closing" | "closed" | "failed";

export interface CloseOptions {
  /** How long running handlers may still take, in milliseconds. */
  readonly deadlineMs?: number;
}

/** Consumes topics. */
export interface Subscriber<F extends Feature = never> {
  /** Resolves when nothing published from now on would be missed. */
  subscribe<Out>(
    // biome-ignore lint/suspicious/noExplicitAny: what goes in does not matter to who takes out
    from: TopicContract<any, Out>,
    options: SubscribeOptions<F>,
    handler: Handler<Out>,
  ): Promise<Subscription>;
  /**
   * Pull style. Settle each delivery yourself; leaving the loop closes the
   * subscription and hands back what was not settled.
   */
  messages<Out>(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    from: TopicContract<any, Out>,
    options: SubscribeOptions<F>,
  ): DeliveryIterator<Out>;
  messages<Out>(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    from: QueueContract<any, Out, any, any>,
    options?: ConsumeOptions,
  ): DeliveryIterator<Out>;
}

export interface DeliveryIterator<T> extends AsyncIterableIterator<Delivery<T>>, AsyncDisposable {
  /** Resolves when nothing sent from now on would be missed. Starts the subscription if the loop has not. */
  readonly ready: () => Promise<Subscription>;
}

/** Sends to queues and consumes them. */
export interface Queue<F extends Feature = never> {
  /** Like `publish`, to a queue. */
  send<In>(
    // biome-ignore lint/suspicious/noExplicitAny: what comes out does not matter to who puts in
    to: QueueContract<In, any, any, any>,
    value: NoInfer<In>,
    options?: PublishOptions<F>,
  ): Promise<Receipt>;
  sendBatch<In>(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    to: QueueContract<In, any, any, any>,
    values: readonly NoInfer<In>[],
    options?: PublishOptions<F>,
  ): Promise<readonly Receipt[]>;
  consume<Out>(
    // biome-ignore lint/suspicious/noExplicitAny: what goes in does not matter to who takes out
    from: QueueContract<any, Out, any, any>,
    options: ConsumeOptions,
    handler: Handler<Out>,
  ): Promise<Subscription>;
  consume<Out>(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    from: QueueContract<any, Out, any, any>,
    handler: Handler<Out>,
  ): Promise<Subscription>;
}

// ── Request and reply ─────────────────────────────────────────────────────────

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

// ── The client ────────────────────────────────────────────────────────────────

/** Names a topic's group or a queue: whose dead letters, what to declare, what to look at. */
export type Consumed =
  // biome-ignore lint/suspicious/noExplicitAny: any topic
  { readonly topic: TopicContract<any, any>; readonly group: string } | { readonly queue: AnyQueue };

/** A client of one broker. `F` is the union of features it may use: the driver's, or those named in `requires`. */
export interface Client<F extends Feature = never>
  extends Publisher<F>,
    Subscriber<F>,
    Queue<F>,
    Requester<F>,
    Responder<F>,
    AsyncDisposable {
  readonly topology: TopologyClient<F>;
  /** Brings dead letters back to where they failed. */
  redrive(from: Consumed, options?: RedriveOptions): Promise<RedriveReport>;
  health(): Health;
  /** The driver's name and the broker's own word of itself. For messages, not for decisions. */
  readonly broker: { readonly adapter: string; readonly name: string; readonly version: string | undefined };
  /** The vendor client, for what Waybill does not do. It changes with every reconnect. */
  readonly native: unknown;
  /** Drains every subscription, flushes publishes, closes the connection. Idempotent. */
  close(options?: CloseOptions): Promise<void>;
}

export interface RedriveOptions {
  /** The most messages to bring back. Default: all that are there at the start. */
  readonly max?: number;
  /** Only those for which it returns true. The others stay. */
  readonly filter?: (letter: DeadLetter) => boolean;
  /** Look and count, bring nothing back. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

export interface RedriveReport {
  readonly seen: number;
  readonly redriven: number;
}

/** Why and where a message ended up in a dead letter; read by `deadLetterDetails`. */
export interface DeadLetter {
  readonly id: string;
  readonly source: string;
  readonly group: string | undefined;
  readonly attempts: number;
  /** Milliseconds since the epoch. */
  readonly firstFailedAt: number;
  readonly lastFailedAt: number;
  readonly errorCode: string;
  readonly errorMessage: string;
  readonly headers: Headers;
}

/** Topics, queues and groups as things to make, look at and take away. */
export interface TopologyClient<F extends Feature = never> {
  /** Makes them, whatever the client's `topology` option says. A group declared so keeps what comes before its members do. */
  declare(...items: readonly TopologySubject<F>[]): Promise<void>;
  inspect(...items: readonly TopologySubject<F>[]): Promise<readonly TopologyReport[]>;
  /** Takes them away with all that was made for them, their messages included. */
  remove(...items: readonly TopologySubject<F>[]): Promise<void>;
}

export type TopologySubject<F extends Feature = never> =
  // biome-ignore lint/suspicious/noExplicitAny: any topic
  | TopicContract<any, any>
  | AnyQueue
  // biome-ignore lint/suspicious/noExplicitAny: any topic
  | ({ readonly topic: TopicContract<any, any>; readonly group: string } & Gated<
      F,
      "groupStart",
      { readonly start?: Start }
    > &
      FilterOptions<F>);

export interface TopologyReport {
  readonly kind: "topic" | "queue" | "group";
  readonly name: string;
  readonly group: string | undefined;
  /** What it is called on the broker. */
  readonly physical: string;
  readonly exists: boolean;
  /** What differs from the contract, as sentences. */
  readonly differences: readonly string[];
  /** Messages waiting, where the broker tells. */
  readonly backlog: number | undefined;
}

export interface Health {
  readonly status: "up" | "recovering" | "closing" | "closed";
  /** Why it is not up. */
  readonly error: MessagingError | undefined;
  /** Messages published and not yet confirmed. */
  readonly pendingPublishes: number;
  readonly subscriptions: readonly {
    readonly source: string;
    readonly group: string | undefined;
    readonly state: SubscriptionState;
    readonly running: number;
    readonly held: number;
  }[];
}
