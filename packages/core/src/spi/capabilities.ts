/** How an adapter provides a feature: the broker does it, or the adapter does it on top of the broker. */
export interface Support {
  readonly how: "native" | "emulated";
  /** For the matrix: what it is mapped to, and what it costs where it is emulated. One sentence. */
  readonly note?: string;
}

/** Deliver a message no earlier than some time after its publish. */
export interface DelaySupport extends Support {
  /** The longest delay, in milliseconds. */
  readonly maxMs: number;
  /** How late a message may come after its due time when consumers are idle: a fixed part, in milliseconds… */
  readonly lateMs: number;
  /** …plus this share of the delay (0.1 = 10 %). Default 0. */
  readonly lateRatio?: number;
}

/** Read a topic from a point in the past. Only for topics whose contract says `retained`. */
export interface ReplaySupport extends Support {
  readonly from: readonly ("earliest" | "time" | "position")[];
}

/** What a message that waits in place for its next attempt keeps when its consumer closes in good order. */
export interface HandBackSupport extends Support {
  /**
   * Whether its attempts go on where they were. False: its next attempt has the number that the
   * broker's own count gives it, which may be lower.
   */
  readonly keepsAttempt: boolean;
  /** Up to how long it comes no earlier than its backoff says, in milliseconds. 0: it may come at once. */
  readonly maxDelayMs: number;
}

/**
 * What a broker may or may not offer. An absent key is an absence: the client
 * refuses the feature before any I/O, and its use does not compile.
 */
export interface Features {
  /** `delayMs` on publish and send. */
  readonly delay?: DelaySupport;
  /** `ttlMs` on publish and send: not delivered once it is over. */
  readonly ttl?: Support;
  /** Contracts with an ordering key. */
  readonly ordering?: Support;
  /** Attribute filters. `emulated`: core drops what does not match after receiving it. */
  readonly filters?: Support;
  /** Subscriptions without a group: live messages only, nothing left behind. */
  readonly broadcast?: Support;
  /** Broadcast subscriptions that start in the past. */
  readonly replay?: ReplaySupport;
  /** New groups that start in the past. */
  readonly groupStart?: ReplaySupport;
  /** `request` and `respond`: a reply path per client that ends with it. */
  readonly requestReply?: Support;
}

/** The name of a feature, as `requires` takes it. */
export type Feature = keyof Features;

/** Every feature. A new one is a compile error here until it is listed. */
export const allFeatures = Object.keys({
  delay: true,
  ttl: true,
  ordering: true,
  filters: true,
  broadcast: true,
  replay: true,
  groupStart: true,
  requestReply: true,
} satisfies Record<Feature, true>) as readonly Feature[];

/** What a broker asks of headers, as data: core refuses before any I/O what breaks them. */
export interface HeaderRules {
  /** Bytes that each header costs on top of its name and value, counted into `limits.headerBytes` and `limits.messageBytes`. Default 0. */
  readonly overheadBytes?: number;
  /** The most headers an application may give a message. Default: any number. */
  readonly maxCount?: number;
  /** The longest header name in UTF-8 bytes. Default: any length. */
  readonly nameBytes?: number;
  /** The longest header value in UTF-8 bytes. Default: any length. */
  readonly valueBytes?: number;
  /** Names that the broker keeps for itself, in lower case; one that ends in `*` stands for all that begin so. */
  readonly reserved?: readonly string[];
}

/** Everything core, the types, the suite and the documentation need to know of a broker. Plain data. */
export interface Capabilities {
  readonly features: Features;
  /**
   * `individual`: every delivery is acked on its own. `cumulative`: an ack means
   * "this one and all before it in its partition" (a log's offset); core then holds
   * the contiguous watermark, and the driver keeps no books.
   */
  readonly settlement: "individual" | "cumulative";
  /**
   * What happens on a retry that waits. `native`: the consumer takes
   * `{ outcome: "retry", delayMs }` up to `maxDelayMs`, and the broker counts the
   * attempt in `ReceivedMessage.redeliveries`. `republish`: core publishes the message
   * again, with a delay and the attempt in a header, to the `queue` or `group`
   * address it came from, and then acks it. Needs `features.delay`.
   */
  readonly retry: { readonly how: "native"; readonly maxDelayMs: number } | { readonly how: "republish" };
  /**
   * Whether deliveries that ended without a settlement (a crash, a lost
   * connection) are counted by the broker. `exact`: yes. `lower-bound`: no, so
   * the attempt number may be too low after a crash.
   */
  readonly attempts: "exact" | "lower-bound";
  /**
   * What becomes of messages that failed and wait in place for their next attempt (those with an
   * ordering key) when their consumer closes and another gets them, in another process too:
   * `CloseConsumerOptions.delayed`. `undefined`: they come again at once, with the broker's count.
   */
  readonly handBack?: HandBackSupport | undefined;
  /**
   * Whether a topic keeps messages that no group asked for. `log`: always, for
   * the broker's retention time. `groups`: only where a group exists (and, for
   * contracts marked `retained`, for replay).
   */
  readonly retention: "log" | "groups";
  /**
   * How long the broker lets a delivery unsettled before it gives it to another.
   * Core renews through `Consumer.extend` every third of `ms`. `undefined`: for
   * as long as the consumer lives.
   */
  readonly lease: { readonly ms: number } | undefined;
  /** Whether `PublishOutcome.unrouted` tells that a publish reached nobody. */
  readonly reportsUnrouted: boolean;
  /** How core is to feed `Connection.publish`. */
  readonly publishing: {
    /** The most messages in one call. */
    readonly maxMessages: number;
    /** The most bytes (bodies, keys and headers) in one call. */
    readonly maxBytes: number;
    /**
     * The most calls under way at once for one unordered destination. Destinations
     * that keep order always have one at a time.
     */
    readonly inFlight: number;
  };
  readonly limits: {
    /**
     * The largest message in bytes: body, key, header names and values in UTF-8. Keep
     * 2 KiB below the broker's own limit: core adds headers to retries and dead-lettered messages.
     */
    readonly messageBytes: number;
    /** The most bytes of all header names and values together. Default: no limit of its own. */
    readonly headerBytes?: number;
    /** The longest ordering key in UTF-8 bytes. Default: no limit of its own. */
    readonly keyBytes?: number;
    /** What the broker's headers cost and which of them it keeps for itself. Default: no rules. */
    readonly headers?: HeaderRules;
  };
}

/** The features a driver has, as a union of names, for typing a client. */
export type FeaturesOf<C extends Capabilities> = {
  [F in keyof C["features"] & Feature]: undefined extends C["features"][F] ? never : F;
}[keyof C["features"] & Feature];
