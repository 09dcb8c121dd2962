import { aborted, closed } from "../errors/ended.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { type Clock, monotonicNow } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import { within } from "../runtime/within.ts";
import type { Call } from "../spi/call.ts";
import type { Connection, ConnectionHooks, Driver } from "../spi/driver.ts";
import { normalise } from "../spi/normalise.ts";
import { driverGraceMs } from "./driver-grace.ts";

export interface ReconnectOptions {
  readonly clock: Clock;
  /** Hosts and ports, without credentials, where they are known. */
  readonly endpoint: string | undefined;
  readonly initialMs: number;
  readonly maxMs: number;
  readonly onStatus: (status: "up" | "recovering" | "closed", cause: MessagingError | undefined) => void;
  readonly onError: (error: MessagingError) => void;
}

/** The one connection of a client: made, lost, made again. */
export class ReconnectingConnection {
  readonly #driver: Driver;
  readonly #options: ReconnectOptions;
  readonly #closing = new AbortController();
  readonly #onLost = new Set<(error: MessagingError) => void>();
  #current: Connection | undefined;
  #error: MessagingError | undefined;
  /** The broker's time, as it last told, and when that was by the steady clock. */
  #brokerTime: { readonly time: number; readonly at: number } | undefined;
  #waiters: { resolve(connection: Connection): void; reject(error: unknown): void }[] = [];

  constructor(driver: Driver, options: ReconnectOptions) {
    this.#driver = driver;
    this.#options = options;
  }

  /** The connection, if it is up. */
  get current(): Connection | undefined {
    return this.#current;
  }

  /** Why it is not up. */
  get error(): MessagingError | undefined {
    return this.#error;
  }

  /** The broker's time, where it tells it, else this computer's: for what expires, whoever wrote that and whoever reads it. */
  brokerNow(): number {
    const { clock } = this.#options;
    const time = this.#current?.brokerTime?.();
    const at = monotonicNow(clock);
    if (Number.isFinite(time)) this.#brokerTime = { time: time as number, at };
    const known = this.#brokerTime;
    return known === undefined ? clock.now() : known.time + at - known.at;
  }

  /** Tells when a connection was lost, with everything on it. Returns how to stop telling. */
  onLost(listener: (error: MessagingError) => void): () => void {
    this.#onLost.add(listener);
    return () => this.#onLost.delete(listener);
  }

  /** The first connection. Repeats what is worth repeating until the time is over. */
  async open(timeoutMs: number): Promise<void> {
    const giveUp = new AbortController();
    const timer = this.#options.clock.setTimeout(() => giveUp.abort(), timeoutMs);
    try {
      await this.#establish(giveUp.signal, true);
    } catch (cause) {
      if (this.#closing.signal.aborted) throw cause;
      throw this.#notConnected(normalise(this.#driver, cause), giveUp.signal.aborted ? timeoutMs : undefined);
    } finally {
      this.#options.clock.clearTimeout(timer);
    }
  }

  /** Names who could not be reached, where, and for how long it was tried: a vendor's error seldom does. */
  #notConnected(error: MessagingError, triedMs: number | undefined): MessagingError {
    const { endpoint } = this.#options;
    const { name } = this.#driver;
    const where = endpoint === undefined ? "" : ` at ${endpoint}`;
    const time = triedMs === undefined ? "" : ` within ${triedMs} ms`;
    const { remedy } = error;
    const said = remedy === undefined ? error.message : error.message.slice(0, -remedy.length).trimEnd();
    const isAbsent = !["AUTHENTICATION_FAILED", "PERMISSION_DENIED"].includes(error.code);
    const check = `Check that the broker (${name}) listens there, and the URL's scheme, host and port.`;
    return new MessagingError(error.code, `Could not connect to ${name}${where}${time}: ${said}`, {
      retryable: error.retryable,
      remedy: remedy ?? (isAbsent ? check : undefined),
      cause: error,
      details: { ...error.details, adapter: name, endpoint, triedMs },
    });
  }

  /** The connection, once it is up. When the signal fires first: its reason if that is ours, else why there is none. */
  connection(signal: AbortSignal): Promise<Connection> {
    if (this.#current !== undefined) return Promise.resolve(this.#current);
    if (this.#closing.signal.aborted) return Promise.reject(closed("client"));
    if (signal.aborted) return Promise.reject(aborted(signal));
    return new Promise((resolve, reject) => {
      const waiter = {
        resolve: (connection: Connection) => {
          signal.removeEventListener("abort", onAbort);
          resolve(connection);
        },
        reject: (error: unknown) => {
          signal.removeEventListener("abort", onAbort);
          reject(error);
        },
      };
      const onAbort = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        const { reason } = signal;
        reject(MessagingError.isInstance(reason) ? reason : (this.#error ?? aborted(signal)));
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(closed("client"));
    const connection = this.#current;
    this.#current = undefined;
    if (connection !== undefined) await this.#closeDown(connection);
    this.#options.onStatus("closed", undefined);
  }

  async #establish(giveUp: AbortSignal, first: boolean): Promise<void> {
    const { clock, initialMs, maxMs } = this.#options;
    const signal = AbortSignal.any([giveUp, this.#closing.signal]);
    for (let pauseMs = initialMs; ; pauseMs = Math.min(maxMs, pauseMs * 2)) {
      let connection: Connection | undefined;
      let lostWith: { cause: unknown } | undefined;
      try {
        connection = await this.#connect(
          {
            // A connection may die before `connect` has handed it over.
            lost: (cause) => {
              lostWith ??= { cause };
              if (connection !== undefined) this.#lost(connection, cause);
            },
            report: (cause) => this.#options.onError(normalise(this.#driver, cause)),
          },
          { signal },
        );
        if (lostWith !== undefined) throw lostWith.cause;
        if (signal.aborted) throw closed("client");
        this.#up(connection);
        return;
      } catch (cause) {
        if (connection !== undefined) await this.#closeDown(connection);
        if (this.#closing.signal.aborted) throw closed("client");
        const error = normalise(this.#driver, cause);
        const before = this.#error;
        this.#error = error;
        // An attempt that was cut short says less than the one before it.
        if (first && giveUp.aborted) throw before ?? error;
        if (first && !error.retryable) throw error;
        // While it lasts, an outage is told once per kind of error.
        if (!first && before?.code !== error.code) this.#options.onError(error);
      }
      await sleep(clock, pauseMs * (0.5 + Math.random() / 2), signal);
      if (giveUp.aborted) throw this.#error ?? aborted(giveUp);
    }
  }

  /** Connects, but does not wait for ever for a driver that does not heed the signal. */
  #connect(hooks: ConnectionHooks, call: Call): Promise<Connection> {
    const { clock } = this.#options;
    const { signal } = call;
    return new Promise((resolve, reject) => {
      let over = false;
      let grace: unknown;
      const onAbort = () => {
        grace = clock.setTimeout(() => {
          end();
          reject(
            new MessagingError(
              "UNREACHABLE",
              `${this.#driver.name}: Broker unreachable (no answer in time).`,
              { remedy: "Check its address and the network, or raise `connectTimeoutMs`." },
            ),
          );
        }, driverGraceMs);
      };
      const end = () => {
        over = true;
        clock.clearTimeout(grace);
        signal.removeEventListener("abort", onAbort);
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      started(() => this.#driver.connect(hooks, call)).then(
        (connection) => {
          if (over) return void this.#closeDown(connection);
          end();
          resolve(connection);
        },
        (cause) => {
          end();
          reject(cause);
        },
      );
    });
  }

  /** A connection that cannot even be closed must not keep the next one from being made. */
  async #closeDown(connection: Connection): Promise<void> {
    await within(
      this.#options.clock,
      driverGraceMs,
      started(() => connection.close()),
      {
        onFailure: (cause) => this.#options.onError(normalise(this.#driver, cause)),
      },
    );
  }

  #up(connection: Connection): void {
    this.#current = connection;
    // For when it is away.
    this.brokerNow();
    this.#error = undefined;
    this.#options.onStatus("up", undefined);
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(connection);
  }

  #lost(connection: Connection, cause: unknown): void {
    if (this.#current !== connection) return;
    this.#current = undefined;
    const why = normalise(this.#driver, cause);
    const error =
      why.code === "CONNECTION_LOST"
        ? why
        : new MessagingError(
            "CONNECTION_LOST",
            `The connection to ${this.#driver.name} was lost: ${why.message}`,
            { remedy: "Wait: the client connects again by itself.", cause: why },
          );
    this.#error = error;
    this.#options.onStatus("recovering", error);
    this.#options.onError(error);
    for (const listener of [...this.#onLost]) listener(error);
    void this.#closeDown(connection)
      .then(() => this.#establish(this.#closing.signal, false))
      .catch((cause) => {
        if (!this.#closing.signal.aborted) this.#options.onError(normalise(this.#driver, cause));
      });
  }
}

/** The work as a promise, also where it throws at once. */
async function started<T>(work: () => Promise<T>): Promise<T> {
  return work();
}
