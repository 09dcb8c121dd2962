import { driverGraceMs } from "../connection/driver-grace.ts";
import type { MessagingError } from "../errors/messaging-error.ts";
import { sleep } from "../runtime/sleep.ts";
import { within } from "../runtime/within.ts";
import { normalise } from "../spi/normalise.ts";
import type { ConsumerSession } from "./consumer-session.ts";
import type { DeliveryScheduler } from "./delivery-scheduler.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";
import type { Intake } from "./intake.ts";
import { openSession } from "./open-session.ts";
import type { SubscriptionContext, SubscriptionSpec } from "./subscription-spec.ts";

export interface SessionKeeperParts {
  readonly spec: SubscriptionSpec;
  readonly context: SubscriptionContext;
  readonly scheduler: DeliveryScheduler;
  readonly intake: Intake;
  /** Fires when the subscription closes: nothing is opened any more. */
  readonly closing: AbortSignal;
  /** Another consumer is being looked for, or has been found. */
  readonly onChange: (to: "recovering" | "running") => void;
  /** No other consumer is to be had. */
  readonly onFailed: (cause: MessagingError) => void;
}

/** Receives through one consumer after the other for as long as the subscription lives: opens them, and recovers. */
export class SessionKeeper {
  readonly #parts: SessionKeeperParts;
  #current: ConsumerSession | undefined;
  #receiving: Promise<void> = Promise.resolve();
  /** Consumers that ended since the last one that received. */
  #failuresInARow = 0;

  constructor(parts: SessionKeeperParts) {
    this.#parts = parts;
  }

  get current(): ConsumerSession | undefined {
    return this.#current;
  }

  /** Resolves when nothing is received any more. */
  get receiving(): Promise<void> {
    return this.#receiving;
  }

  /** Opens the first consumer. False when another try may help. */
  async openFirst(waiting: AbortSignal): Promise<boolean> {
    const { context, closing } = this.#parts;
    try {
      await this.#open(waiting);
      return true;
    } catch (cause) {
      if (closing.aborted) throw closing.reason;
      if (waiting.aborted || !normalise(context.driver, cause).retryable) throw cause;
      return false;
    }
  }

  /** Receives, once the first consumer is open. */
  start(): void {
    this.#receiving = this.#run();
  }

  /** What the driver fetches ahead is to be enough for more handlers than before. */
  fetchMore(): void {
    const { spec, context, scheduler } = this.#parts;
    const isCumulative = context.driver.capabilities.settlement === "cumulative";
    // What runs alone is followed by a session of its own; where keys wait, much more is fetched anyway.
    if (scheduler.isIsolating || (spec.address.ordered && !isCumulative)) return;
    this.#current?.consumer.setPrefetch?.(this.#parts.intake.prefetch);
  }

  /** Ends this consumer in good order, to begin another with a prefetch of its own. */
  reopen(): void {
    const session = this.#current;
    if (session === undefined) return;
    session.reopens = true;
    this.#parts.scheduler.handBackIdle(session);
    // What has just ended is still to be settled through it.
    const settled = Promise.resolve().then(() => session.acks.idle());
    void this.within(driverGraceMs, settled).then(() => session.end());
  }

  /** Fetches ahead again beside what runs alone. False where nothing else could run beside it anyway. */
  widen(): boolean {
    const { spec, intake } = this.#parts;
    const setPrefetch = this.#current?.consumer.setPrefetch?.bind(this.#current.consumer);
    if (setPrefetch === undefined || spec.address.ordered) return false;
    setPrefetch(intake.prefetch);
    return true;
  }

  /** Leaves a count on a message that is held. `undefined`: its consumer cannot. Never rejects. */
  mark({ message, session }: InFlightDelivery, redeliveries: number): Promise<void> | undefined {
    const setRedeliveries = session.consumer.setRedeliveries?.bind(session.consumer);
    if (setRedeliveries === undefined) return undefined;
    const call = { signal: this.#parts.closing };
    const marked = Promise.resolve().then(() => setRedeliveries(message, redeliveries, call));
    return this.within(driverGraceMs, marked);
  }

  /** Hands back what the consumer has, whatever became of it. */
  async close(): Promise<void> {
    const { scheduler } = this.#parts;
    const session = this.#current;
    if (session === undefined) return;
    this.#current = undefined;
    session.end();
    const unsettled = scheduler.unsettled(session);
    scheduler.loseAllOf(session);
    session.acks.abandon();
    await this.within(driverGraceMs, session.consumer.close(unsettled));
  }

  /** Waits for what a driver does, but no longer than this. */
  async within(ms: number, promise: Promise<unknown>): Promise<void> {
    const { clock, driver, onError } = this.#parts.context;
    await within(clock, ms, promise, { onFailure: (cause) => onError(normalise(driver, cause)) });
  }

  async #open(waiting: AbortSignal): Promise<void> {
    const { spec, context, scheduler, intake, closing } = this.#parts;
    this.#current = await openSession(spec, context, scheduler, closing, waiting, intake.prefetch);
    if (closing.aborted) throw closing.reason;
  }

  async #run(): Promise<void> {
    const { closing } = this.#parts;
    for (;;) {
      const session = this.#current as ConsumerSession;
      const error = await this.#receiveAll(session);
      if (error !== undefined) {
        if (!(await this.#recover(error))) return;
      } else if (!session.reopens || closing.aborted || !(await this.#beginAgain())) return;
    }
  }

  /** Receives until closing, or until this consumer cannot go on; then resolves with why. */
  async #receiveAll(session: ConsumerSession): Promise<MessagingError | undefined> {
    const { intake, context, closing } = this.#parts;
    const signal = AbortSignal.any([session.signal, closing]);
    let failure: MessagingError | undefined;
    try {
      await intake.run(session, signal, () => {
        this.#failuresInARow = 0;
      });
    } catch (cause) {
      failure = normalise(context.driver, cause);
    }
    return closing.aborted ? undefined : (session.error ?? failure);
  }

  /**
   * Opens another consumer; false when the subscription ended instead. Whatever
   * ended the old one, only a refusal to open another ends the subscription.
   */
  async #recover(cause: MessagingError): Promise<boolean> {
    const { closing, onChange, onFailed } = this.#parts;
    const { clock, retryInitialMs, retryMaxMs, onError, driver } = this.#parts.context;
    await this.close();
    let told: string | undefined;
    for (let error = cause; ; ) {
      if (closing.aborted) return false;
      onChange("recovering");
      if (told !== error.code) onError(error);
      told = error.code;
      const pauseMs = Math.min(retryMaxMs, retryInitialMs * 2 ** this.#failuresInARow++);
      await sleep(clock, pauseMs * (0.5 + Math.random() / 2), closing);
      if (closing.aborted) return false;
      try {
        await this.#open(closing);
        onChange("running");
        return true;
      } catch (failure) {
        await this.close();
        if (closing.aborted) return false;
        error = normalise(driver, failure);
        if (error.retryable) continue;
        onFailed(error);
        return false;
      }
    }
  }

  /** False when the subscription ended instead. */
  async #beginAgain(): Promise<boolean> {
    const { closing, context } = this.#parts;
    await this.close();
    try {
      await this.#open(closing);
      return true;
    } catch (cause) {
      await this.close();
      if (closing.aborted) return false;
      return this.#recover(normalise(context.driver, cause));
    }
  }
}
