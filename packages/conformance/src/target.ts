import type { Address, Driver } from "@waybill/core/spi";

/** A TCP address. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * What the suite is pointed at: an adapter and the broker behind it. `driver` is
 * all it needs; each further part lets it prove more, and a case that lacks its
 * part is reported as not run, with the part's name.
 */
export interface ConformanceTarget {
  /** The adapter's short name, e.g. `kafka`. */
  readonly adapter: string;
  /**
   * A fresh driver, not yet connected. With `through`, every connection it makes
   * goes to that address instead of the broker's own (a fault proxy listens there).
   */
  driver(through?: Endpoint): Driver;
  /** Where the broker listens. Lets the suite put its proxy in between. */
  readonly endpoint?: Endpoint;
  /** A driver like the others but with credentials that the broker refuses. */
  readonly refused?: () => Driver;
  /** The secret that `refused` uses, which must never show in an error. */
  readonly refusedSecret?: string;
  /** The vendor client on its own, knowing nothing of Waybill. */
  readonly externalClient?: () => Promise<ExternalClient>;
  /**
   * Makes every connection of this driver vanish as if its process had died:
   * nothing is said to the broker, and it makes no further ones. For brokers
   * without an `endpoint`, where the suite cannot do it with its proxy.
   */
  readonly crash?: (driver: Driver) => Promise<void>;
  /** How another process reaches the same broker, for cases in which a consumer's process dies. */
  readonly url?: ReachableUrl;
  /** A driver with short leases or sessions, so that outliving one takes seconds. */
  readonly shortLease?: ShortLease;
  /** Power over the broker's process. */
  readonly broker?: BrokerProcess;
  /** Cases that are known to fail here, each with why. A firm quirk whose case passes is itself a failure. */
  readonly quirks?: readonly Quirk[];
}

/** A variant of the driver for cases in which a lease or a session must run out. */
export interface ShortLease {
  /** How long the broker waits for a sign of life before it gives a message, or the membership, to another. */
  readonly ms: number;
  driver(through?: Endpoint): Driver;
}

/** What another process needs to connect. */
export interface ReachableUrl {
  /** What `connect(url)` takes; with short leases or sessions where the broker has them. */
  readonly href: string;
  /** The module that exports `adapter`, as `import()` takes it: `import.meta.resolve("./index.js")` of the adapter. */
  readonly module: string;
}

export interface Quirk {
  /** The id of the case. */
  readonly case: string;
  /** One sentence, for the documentation. */
  readonly reason: string;
  /** What its failure says: a case that fails with other words has failed. Default: it may say anything. */
  readonly failure?: RegExp;
  /** It fails in some runs only, as a race in the broker does: passing is no failure then. Default: false. */
  readonly sometimes?: boolean;
}

/** A message as the vendor client sees it. */
export interface ExternalMessage {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly key?: string;
}

/** Produces and reads with the vendor client alone. Addresses are `topic` or `queue`, and exist. */
export interface ExternalClient {
  publish(to: Address, message: ExternalMessage): Promise<void>;
  /**
   * Starts to read what is published from now on; resolves once nothing would be missed. Where the
   * vendor's client pushes, `arrived` is called with each message, and the listener has no `next`.
   */
  listen(from: Address, arrived: (message: ExternalMessage) => void): Promise<ExternalListener>;
  close(): Promise<void>;
}

export interface ExternalListener {
  /** The next message; rejects after ten seconds without one. */
  next?(): Promise<ExternalMessage>;
  close(): Promise<void>;
}

/** The broker's own process. Its data outlives both. */
export interface BrokerProcess {
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again at the same address; resolves when it takes connections. Does nothing where it runs. */
  start(): Promise<void>;
}
