import type { Link } from "../client/link.ts";
import type { Observer } from "../client/observer.ts";
import { sleep } from "../client/sleep.ts";
import type { CloseOptions, Subscription, SubscriptionState } from "../client/types.ts";
import { driverGraceMs, within } from "../client/within.ts";
import type { AnyPayload } from "../contract/contract.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { closed, normalise } from "../errors/normalise.ts";
import type { HandleMiddleware } from "../policies/middleware.ts";
import type { Outbox } from "../publishing/outbox.ts";
import type { Address, Filter, StartPosition } from "../spi/address.ts";
import type { Clock } from "../spi/clock.ts";
import type { Driver } from "../spi/driver.ts";
import type { TopologyItem } from "../spi/topology.ts";
import type { Attempt } from "./attempt.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Failures } from "./failures.ts";
import { Generation } from "./generation.ts";
import { renewLeases } from "./lease-renewal.ts";
import { type ConsumeSettings, checkCount } from "./settings.ts";
import { Settler } from "./settler.ts";

/** What every subscription of a client shares. */
export interface SubscriptionContext {
  readonly driver: Driver;
  readonly link: Link;
  readonly clock: Clock;
  readonly observer: Observer | undefined;
  readonly onError: (error: MessagingError) => void;
  readonly startTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  prepare(item: TopologyItem): Promise<void>;
  outbox(address: Address): Outbox;
}

/** What one subscription is about. */
export interface SubscriptionSpec {
  readonly address: Address;
  readonly start: StartPosition;
  readonly filter: Filter | undefined;
  readonly payload: AnyPayload;
  readonly settings: ConsumeSettings;
  readonly deadLetter: Address | undefined;
  readonly middleware: HandleMiddleware | undefined;
  readonly settles: boolean;
  readonly handler: (value: unknown, attempt: Attempt) => unknown;
  readonly signal: AbortSignal | undefined;
}

/** How often, in milliseconds, a busy receive loop lets timers and sockets have their turn. */
const breatheEveryMs = 10;

/** A subscription at work: receives, recovers, drains. What happens to each delivery is the dispatcher's. */
export class RunningSubscription implements Subscription {
  readonly source: string;
  readonly group: string | undefined;
  readonly ended: Promise<MessagingError | undefined>;
  readonly #context: SubscriptionContext;
  readonly #spec: SubscriptionSpec;
  readonly #dispatcher: Dispatcher;
  readonly #closing = new AbortController();
  /** Fires when the drain deadline is over. */
  readonly #cancelling = new AbortController();
  #end!: (error: MessagingError | undefined) => void;
  #phase: "running" | "recovering" | "closing" | "closed" | "failed" = "running";
  #paused = false;
  #generation: Generation | undefined;
  #receiving: Promise<void> = Promise.resolve();
  #change: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(spec: SubscriptionSpec, context: SubscriptionContext) {
    this.#spec = spec;
    this.#context = context;
    this.source = spec.address.name;
    this.group = spec.address.group;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const { driver, clock, observer, onError } = context;
    const { capabilities } = driver;
    this.#dispatcher = new Dispatcher({
      subscription: this,
      address: spec.address,
      payload: spec.payload,
      settings: spec.settings,
      filter: capabilities.features.filters?.how === "native" ? undefined : spec.filter,
      settles: spec.settles,
      cumulative: capabilities.settlement === "cumulative",
      handler: spec.handler,
      middleware: spec.middleware,
      failures: new Failures({
        driver,
        clock,
        address: spec.address,
        deadLetter: spec.deadLetter,
        outbox: context.outbox,
        onError,
        signal: this.#cancelling.signal,
      }),
      clock,
      observer,
      onError,
      onChange: () => this.#change?.(),
    });
  }

  get state(): SubscriptionState {
    return this.#phase === "running" && this.#paused ? "paused" : this.#phase;
  }
  /** False for a reply path. */
  get settles(): boolean {
    return this.#spec.settles;
  }
  get running(): number {
    return this.#dispatcher.running;
  }
  get held(): number {
    return this.#dispatcher.held;
  }

  pause(): void {
    this.#paused = true;
    this.#dispatcher.paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#dispatcher.paused = false;
  }

  setConcurrency(concurrency: number): void {
    this.#dispatcher.concurrency = checkCount("concurrency", concurrency);
  }

  /** Resolves when deliveries can come; tries for a while where that may help. */
  async begin(): Promise<void> {
    const { clock, startTimeoutMs, retryInitialMs } = this.#context;
    const until = clock.now() + startTimeoutMs;
    for (;;) {
      try {
        await this.#open();
        break;
      } catch (cause) {
        const error = normalise(this.#context.driver, cause);
        if (!error.retryable || clock.now() >= until || this.#closing.signal.aborted) {
          await this.close({ deadlineMs: 0 });
          throw error;
        }
        await sleep(clock, retryInitialMs, this.#closing.signal);
      }
    }
    this.#receiving = this.#run();
    const { signal } = this.#spec;
    if (signal === undefined) return;
    const onAbort = () => void this.close();
    if (signal.aborted) onAbort();
    else {
      signal.addEventListener("abort", onAbort, { once: true });
      void this.ended.then(() => signal.removeEventListener("abort", onAbort));
    }
  }

  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#drain(options.deadlineMs ?? this.#context.drainTimeoutMs);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ── Receiving ───────────────────────────────────────────────────────────────

  async #open(): Promise<void> {
    const { driver, link, clock, onError } = this.#context;
    const { address, start, filter, settings } = this.#spec;
    const connection = await link.connection(this.#closing.signal);
    await this.#context.prepare({ address, start, filter });

    const generation = new Generation();
    const forget = link.onLost((error) => generation.end(error));
    generation.signal.addEventListener("abort", forget, { once: true });
    try {
      generation.consumer = await connection.consume(
        {
          address,
          start,
          filter: driver.capabilities.features.filters?.how === "native" ? filter : undefined,
          prefetch: settings.prefetch,
        },
        {
          revoking: (lanes) => this.#revoke(generation, lanes),
          revoked: (lanes) => this.#lanesGone(generation, lanes),
        },
        { signal: AbortSignal.any([generation.signal, this.#closing.signal]) },
      );
    } catch (cause) {
      generation.end();
      throw generation.error ?? cause;
    }
    if (this.#closing.signal.aborted) {
      // Closed meanwhile: the drain did not see this consumer, so it ends here.
      generation.end();
      await this.#within(driverGraceMs, generation.consumer.close());
      throw closed("subscription");
    }
    generation.settler = new Settler({
      driver,
      clock,
      consumer: generation.consumer,
      signal: generation.signal,
      onReleased: (held, result) => this.#dispatcher.released(held, result),
      onError,
    });
    this.#generation = generation;
    renewLeases(generation, {
      driver,
      clock,
      dispatcher: this.#dispatcher,
      maxLeaseMs: settings.maxLeaseMs,
      onError,
    });
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const error = await this.#receiveAll(this.#generation as Generation);
      if (this.#closing.signal.aborted || error === undefined) return;
      if (!(await this.#recover(error))) return;
    }
  }

  /** Receives until closing, or until this generation cannot go on; then answers why. */
  async #receiveAll(generation: Generation): Promise<MessagingError | undefined> {
    const { clock, driver } = this.#context;
    const call = { signal: AbortSignal.any([generation.signal, this.#closing.signal]) };
    let breathedAt = clock.now();
    while (!call.signal.aborted) {
      const room = this.#room(generation);
      if (room === 0) {
        await this.#changed(call.signal);
        continue;
      }
      try {
        const batch = await generation.consumer.receive(room, call);
        if (batch.length > 0 && !call.signal.aborted) this.#dispatcher.admit(generation, batch);
      } catch (cause) {
        return generation.error ?? normalise(driver, cause);
      }
      if (clock.now() - breathedAt >= breatheEveryMs) {
        // A broker that always has more must not starve the timers of this process.
        await sleep(clock, 0);
        breathedAt = clock.now();
      }
    }
    return generation.error;
  }

  /** How many deliveries to ask for now. */
  #room(generation: Generation): number {
    const { prefetch } = this.#spec.settings;
    this.#holdBackBlocked(generation);
    const room = prefetch - this.#dispatcher.held;
    // While there is work at hand, ask for a good number at once rather than for one at a time.
    if (this.#dispatcher.queued > 0 && room < prefetch / 4) return 0;
    return Math.max(0, room);
  }

  /** A lane whose head is stuck, under cumulative settlement, is fetched no further; the others go on. */
  #holdBackBlocked(generation: Generation): void {
    const { consumer } = generation;
    if (consumer.holdBack === undefined || this.#context.driver.capabilities.settlement !== "cumulative")
      return;
    const most = 2 * this.#spec.settings.prefetch;
    const blocked: string[] = [];
    for (const lane of generation.lanes) if (lane.blocked >= most) blocked.push(lane.name);
    if (blocked.length === 0 && generation.heldBack.length === 0) return;
    if (blocked.join() === generation.heldBack.join()) return;
    generation.heldBack = blocked;
    consumer.holdBack(blocked);
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#change = undefined;
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#change = done;
      signal.addEventListener("abort", done, { once: true });
    });
  }

  // ── Lanes that move ─────────────────────────────────────────────────────────

  async #revoke(generation: Generation, names: readonly string[]): Promise<void> {
    const lanes = generation.known(names);
    await this.#dispatcher.revoke(lanes);
    await generation.settler.idle();
    for (const lane of lanes) generation.forget(lane);
  }

  #lanesGone(generation: Generation, names: readonly string[]): void {
    const lanes = new Set(generation.known(names));
    this.#dispatcher.lose(
      (held) => held.lane !== undefined && lanes.has(held.lane),
      leaseLost("Its partition moved to another member."),
    );
    for (const lane of lanes) generation.forget(lane);
  }

  // ── Recovery ────────────────────────────────────────────────────────────────

  /** Opens a new generation; false when the subscription ended instead. */
  async #recover(cause: MessagingError): Promise<boolean> {
    const { clock, retryInitialMs, retryMaxMs, onError, driver } = this.#context;
    await this.#closeGeneration(leaseLost("The connection was lost."));
    let error = cause;
    let told: string | undefined;
    for (let pauseMs = retryInitialMs; ; pauseMs = Math.min(retryMaxMs, pauseMs * 2)) {
      if (this.#closing.signal.aborted) return false;
      if (!error.retryable) {
        this.#fail(error);
        return false;
      }
      this.#phase = "recovering";
      if (told !== error.code) onError(error);
      told = error.code;
      await sleep(clock, pauseMs * (0.5 + Math.random() / 2), this.#closing.signal);
      if (this.#closing.signal.aborted) return false;
      try {
        await this.#open();
        this.#phase = "running";
        return true;
      } catch (failure) {
        error = normalise(driver, failure);
        await this.#closeGeneration(leaseLost("The connection was lost."));
      }
    }
  }

  async #closeGeneration(reason: MessagingError): Promise<void> {
    const generation = this.#generation;
    if (generation === undefined) return;
    this.#generation = undefined;
    generation.end();
    this.#dispatcher.lose((held) => held.generation === generation, reason);
    generation.settler.abandon();
    await this.#within(driverGraceMs, generation.consumer.close());
  }

  #fail(cause: MessagingError): void {
    const where = this.group === undefined ? `"${this.source}"` : `"${this.source}" by "${this.group}"`;
    const error = new MessagingError(
      "SUBSCRIPTION_FAILED",
      `The subscription to ${where} cannot go on: ${cause.message}`,
      {
        remedy: "Mend the cause and subscribe again.",
        cause,
      },
    );
    this.#phase = "failed";
    this.#closing.abort();
    this.#cancelling.abort();
    void this.#dispatcher.stop();
    this.#context.onError(error);
    this.#end(error);
  }

  // ── Drain ───────────────────────────────────────────────────────────────────

  async #drain(deadlineMs: number): Promise<void> {
    if (this.#phase === "failed") return;
    this.#phase = "closing";
    this.#closing.abort();
    const idle = this.#dispatcher.stop();
    await this.#within(deadlineMs, idle);
    this.#cancelling.abort();
    this.#dispatcher.cancel(
      new MessagingError("CLOSED", "The subscription was closed before the handler had ended."),
    );
    const generation = this.#generation;
    if (generation !== undefined) {
      await this.#within(driverGraceMs, generation.settler.idle());
      await this.#within(driverGraceMs, this.#receiving);
      await this.#within(driverGraceMs, generation.consumer.close());
      generation.end();
      generation.settler.abandon();
    }
    this.#phase = "closed";
    this.#end(undefined);
  }

  /** Waits for the promise, but no longer. */
  #within(ms: number, promise: Promise<unknown>): Promise<void> {
    const { clock, driver, onError } = this.#context;
    return within(clock, ms, promise, (cause) => onError(normalise(driver, cause)));
  }
}

function leaseLost(message: string): MessagingError {
  return new MessagingError("LEASE_LOST", message);
}
