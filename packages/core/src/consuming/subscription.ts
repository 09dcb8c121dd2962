import type { CloseOptions, Subscription, SubscriptionState } from "../api/subscription.ts";
import { driverGraceMs } from "../connection/driver-grace.ts";
import { aborted, closed, draining, stopHandling } from "../errors/ended.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { bindMethods } from "../runtime/bind-methods.ts";
import { eventLoopTurns } from "../runtime/event-loop-turns.ts";
import { sleep } from "../runtime/sleep.ts";
import { TimeLimit } from "../runtime/time-limit.ts";
import { noticeOfWait } from "../runtime/wait-notice.ts";
import { within } from "../runtime/within.ts";
import { normalise } from "../spi/normalise.ts";
import type { BlockedKeysContext } from "./blocked-keys.ts";
import type { ConsumerSession } from "./consumer-session.ts";
import { DeliveryScheduler } from "./delivery-scheduler.ts";
import { FailurePath } from "./failure-path.ts";
import {
  type ClosingSubscription,
  callsBehind,
  currentHandlerCall,
  type HandlerCall,
} from "./handler-call.ts";
import { Intake } from "./intake.ts";
import { SessionKeeper } from "./session-keeper.ts";
import { checkCount, closeTimeout } from "./settings.ts";
import type { SubscriptionContext, SubscriptionSpec } from "./subscription-spec.ts";

type Phase = Exclude<SubscriptionState, "paused">;

/** A subscription at work: receives, recovers, drains. What happens to each delivery is the scheduler's. */
export class RunningSubscription implements Subscription, ClosingSubscription {
  readonly source: string;
  readonly group: string | undefined;
  readonly ended: Promise<MessagingError | undefined>;
  readonly #context: SubscriptionContext;
  readonly #spec: SubscriptionSpec;
  readonly #scheduler: DeliveryScheduler;
  readonly #intake: Intake;
  readonly #sessions: SessionKeeper;
  readonly #closing = new AbortController();
  /** Fires when the drain deadline is over, or whoever was waited for has let go. */
  readonly #cancelling = new AbortController();
  #end!: (error: MessagingError | undefined) => void;
  #phase: Phase = "running";
  #since: number;
  /** The state that it has been in since then. */
  #stateSince: SubscriptionState = "running";
  #paused = false;
  #closed: Promise<void> | undefined;
  readonly #drainLimit: TimeLimit;
  #toldOfOwnClose = false;
  /** The latest of its own handler calls that asked it to close. */
  #closedBy: HandlerCall | undefined;
  #toldFull = false;

  constructor(spec: SubscriptionSpec, context: SubscriptionContext) {
    this.#spec = spec;
    this.#context = context;
    this.source = spec.address.name;
    this.group = spec.address.group;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const { driver, clock, observer, onError, attempts } = context;
    const brokerNow = () => context.connector.brokerNow();
    const { capabilities } = driver;
    const { address, settings, settles, demand } = spec;
    this.#since = clock.now();
    this.#drainLimit = new TimeLimit(clock, this.#cancelling);
    this.#scheduler = new DeliveryScheduler({
      subscription: this,
      address,
      payload: spec.payload,
      settings,
      attempts,
      filter: capabilities.features.filters?.how === "native" ? undefined : spec.filter,
      settles,
      cumulative: capabilities.settlement === "cumulative",
      isLeased: capabilities.lease !== undefined,
      keepsMarks: capabilities.handBack?.keepsAttempt === true,
      blockedKeys: this.#blockedKeys(),
      handler: spec.handler,
      middleware: spec.middleware,
      handlerContext: {
        clock,
        signal: this.#closing.signal,
        hold: () => this.#hold(),
        warn: context.onWarning,
      },
      failures: new FailurePath({
        driver,
        clock,
        brokerNow,
        address,
        retry: settings.retry,
        settles,
        attempts,
        deadLetter: spec.deadLetter,
        afterDeadLetter: spec.afterDeadLetter,
        sender: context.sender,
        onError,
        onWarning: context.onWarning,
        signal: this.#cancelling.signal,
      }),
      clock,
      brokerNow,
      observer,
      onError,
      onWarning: context.onWarning,
      demand,
      onChange: () => this.#intake.changed(),
      onIsolate: () => this.#sessions.reopen(),
      onIsolated: () => this.#sessions.reopen(),
      onWiden: () => this.#sessions.widen(),
      mark: (delivery, redeliveries) => this.#sessions.mark(delivery, redeliveries),
    });
    this.#intake = new Intake({
      clock,
      scheduler: this.#scheduler,
      settings,
      cumulative: capabilities.settlement === "cumulative",
      ordered: address.ordered,
      onFull: (parked) => this.#tellFull(parked),
    });
    this.#sessions = new SessionKeeper({
      spec,
      context,
      scheduler: this.#scheduler,
      intake: this.#intake,
      closing: this.#closing.signal,
      onChange: (to) => this.#enter(to),
      onFailed: (cause) => this.#fail(cause),
    });
    bindMethods(this);
  }

  get state(): SubscriptionState {
    const isPaused = this.#paused || this.#scheduler.isOnHold;
    return this.#phase === "running" && isPaused ? "paused" : this.#phase;
  }
  get since(): number {
    return this.#since;
  }
  get concurrency(): number {
    return this.#scheduler.concurrency;
  }
  /** Nothing more is started before something that runs has ended, though there may be more. */
  get isStuck(): boolean {
    const { running, concurrency, keepsFollowers } = this.#scheduler;
    if (running === 0 || this.state !== "running") return false;
    return running >= concurrency || this.#intake.isFull || keepsFollowers;
  }
  /** False for a reply path. */
  get settles(): boolean {
    return this.#spec.settles;
  }
  get isPulled(): boolean {
    return this.#spec.demand !== undefined;
  }
  get running(): number {
    return this.#scheduler.running;
  }
  get calls(): Iterable<HandlerCall> {
    return this.#scheduler.calls();
  }
  get held(): number {
    return this.#scheduler.held;
  }
  get blockedKeys(): number {
    return this.#scheduler.blockedKeys;
  }

  pause(): void {
    this.#paused = true;
    this.#noteState();
    this.#scheduler.paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#noteState();
    this.#scheduler.paused = false;
  }

  /** On behalf of a middleware, such as a circuit breaker. */
  #hold(): () => void {
    const release = this.#scheduler.hold();
    this.#noteState();
    return () => {
      release();
      this.#noteState();
    };
  }

  /** Whatever changed it. */
  #noteState(): void {
    if (this.state === this.#stateSince) return;
    this.#stateSince = this.state;
    this.#since = this.#context.clock.now();
  }

  setConcurrency(concurrency: number): void {
    const consumer = this.#sessions.current?.consumer;
    if (this.#intake.makeRoomFor(checkCount("concurrency", concurrency), consumer))
      this.#sessions.fetchMore();
    this.#scheduler.concurrency = concurrency;
  }

  /** Resolves when deliveries can come; tries for a while where that may help. */
  async begin(): Promise<void> {
    const { clock, driver, startTimeoutMs, retryInitialMs } = this.#context;
    this.#heedSignal();
    // Many may be begun one after the other, each of which finds a backlog.
    if (eventLoopTurns.isOver) await eventLoopTurns.next();
    const giveUp = new AbortController();
    const timer = clock.setTimeout(() => giveUp.abort(), startTimeoutMs);
    const waiting = AbortSignal.any([this.#closing.signal, giveUp.signal]);
    try {
      while (!(await this.#sessions.openFirst(waiting))) await sleep(clock, retryInitialMs, waiting);
    } catch (cause) {
      await this.#sessions.close();
      await this.close({ timeoutMs: 0 });
      throw normalise(driver, cause);
    } finally {
      clock.clearTimeout(timer);
    }
    this.#sessions.start();
  }

  #blockedKeys(): BlockedKeysContext | undefined {
    const { address, deadLetter, afterDeadLetter } = this.#spec;
    if (afterDeadLetter === "continue" || deadLetter === undefined) return undefined;
    const { driver, clock, observer, onWarning, deadLetterWatches } = this.#context;
    const { attempts, settlement } = driver.capabilities;
    void this.ended.then(() => deadLetterWatches.forget(deadLetter));
    return {
      address,
      deadLetter,
      watch: deadLetterWatches.of(deadLetter),
      countsDeliveries: attempts === "exact",
      keepsPartitions: settlement === "cumulative",
      clock,
      observer,
      onWarning,
      signal: this.#closing.signal,
    };
  }

  #heedSignal(): void {
    const { signal } = this.#spec;
    if (signal === undefined) return;
    const onAbort = () => {
      this.#closing.abort(aborted(signal));
      void this.drained();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    void this.ended.then(() => signal.removeEventListener("abort", onAbort));
  }

  async close(options: CloseOptions = {}): Promise<void> {
    const closed = this.drained(closeTimeout(options));
    const call = currentHandlerCall();
    if (call === undefined) return closed;
    await this.closedBut(call);
  }

  /** Closes, whoever asks for it, within the shortest time that anybody gives it. */
  drained(timeoutMs = this.#context.drainTimeoutMs): Promise<void> {
    this.#drainLimit.atMost(timeoutMs);
    this.#closed ??= this.#drain(timeoutMs);
    return this.#closed;
  }

  /**
   * Waits on behalf of a handler until this has closed. Where closing would wait for that very
   * handler, only until all others have ended, and resolves with false.
   */
  async closedBut(call: HandlerCall): Promise<boolean> {
    const closed = this.#closed ?? this.drained();
    const behind = callsBehind(call, this);
    if (behind > 0 && !call.isOneOfSeveral) this.#tellOfOwnClose(call);
    if (call.subscription === this) this.#closedBy = call;
    call.waitsFor ??= new Set();
    call.waitsFor.add(this);
    await (behind === 0 ? closed : Promise.race([closed, this.#scheduler.idle(behind)]));
    call.waitsFor.delete(this);
    return behind === 0;
  }

  /** The loop whose body closes this is back for more, and settles what it had no more: others are still waited for. */
  letGo(call: HandlerCall): void {
    if (this.#closedBy !== call) return;
    void this.#scheduler.idle(1).then(() => {
      if (!call.isOver) this.#cancelling.abort();
    });
  }

  /** Whoever pulls is gone, and settles nothing more. */
  leave(): Promise<void> {
    if (this.#closed !== undefined) this.#cancelling.abort();
    return this.drained(0);
  }

  #tellOfOwnClose({ subscription }: HandlerCall): void {
    if (this.#toldOfOwnClose) return;
    this.#toldOfOwnClose = true;
    const what =
      subscription === this
        ? "its own subscription to close"
        : `"${this.source}" to close, which waits for it`;
    const [who, remedy] = subscription.isPulled
      ? ["loop over", "Settle the message before you call `close`, or leave the loop first."]
      : ["handler of", "Call `close` outside of handlers, or do not await it there."];
    this.#context.onError(
      new MessagingError("INVALID_ARGUMENT", `A ${who} "${subscription.source}" waits for ${what}.`, {
        remedy,
      }),
    );
  }

  /** Asks for the next delivery, where the application takes them one by one. */
  proceed(): void {
    this.#scheduler.proceed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#noteState();
  }

  #fail(cause: MessagingError): void {
    const where = this.group === undefined ? `"${this.source}"` : `"${this.source}" by "${this.group}"`;
    const error = new MessagingError(
      "SUBSCRIPTION_FAILED",
      `The subscription to ${where} cannot go on: ${cause.message}`,
      {
        remedy: "Fix the cause and subscribe again.",
        cause,
      },
    );
    this.#enter("failed");
    this.#closing.abort(error);
    this.#cancelling.abort();
    this.#scheduler.stop();
    this.#context.onError(error);
    this.#end(error);
  }

  // ── Drain ───────────────────────────────────────────────────────────────────

  async #drain(timeoutMs: number): Promise<void> {
    if (this.#phase === "failed") return this.#drainLimit.end();
    this.#enter("closing");
    this.#closing.abort(closed("subscription"));
    const session = this.#sessions.current;
    this.#scheduler.stop();
    if (session !== undefined) this.#heedLoss(session);
    const stopWaiting = noticeOfWait(this.#context.clock, timeoutMs, () => this.#tellOfWait(timeoutMs));
    const { signal } = this.#cancelling;
    await within(this.#context.clock, Number.POSITIVE_INFINITY, this.#scheduler.idle(), { signal });
    this.#drainLimit.end();
    stopWaiting();
    this.#cancelling.abort();
    this.#scheduler.cancel(
      new MessagingError("CLOSED", "The subscription was closed before the handler had ended.", {
        remedy: stopHandling,
      }),
    );
    if (session !== undefined) {
      await this.#sessions.within(driverGraceMs, session.acks.idle());
      await this.#sessions.within(driverGraceMs, this.#sessions.receiving);
      // Many may close at the same time.
      if (eventLoopTurns.isOver) await eventLoopTurns.next();
      await this.#sessions.within(driverGraceMs, session.consumer.close(this.#scheduler.unsettled(session)));
      session.end();
      session.acks.abandon();
    } else {
      // A recovery that was under way closes what it has opened.
      await this.#sessions.within(driverGraceMs, this.#sessions.receiving);
    }
    this.#enter("closed");
    this.#end(undefined);
  }

  /** While it drains nothing is recovered; but what its handlers still work on may be someone else's. */
  #heedLoss(session: ConsumerSession): void {
    const onEnd = () => {
      if (session.error !== undefined) this.#scheduler.loseAllOf(session);
    };
    if (session.signal.aborted) onEnd();
    else session.signal.addEventListener("abort", onEnd, { once: true });
  }

  #tellFull(parked: number): void {
    // What waits for dead-lettered messages is told of by itself.
    if (this.#toldFull || this.blockedKeys > 0) return;
    this.#toldFull = true;
    this.#context.onWarning(
      new MessagingError(
        "OVERLOADED",
        `Nothing more of "${this.source}" is received for now: ${parked} messages wait behind their ordering keys, or for their next attempt, and no more may.`,
        {
          remedy:
            "Make the handlers of busy keys quicker, `pause` while what they need is away, or raise `prefetchBytes`.",
        },
      ),
    );
  }

  #tellOfWait(timeoutMs: number): void {
    const { running } = this.#scheduler;
    const [waitsFor, remedy] =
      running === 0
        ? ["failed messages to be stored", "Check that the broker takes them."]
        : this.#spec.demand === undefined
          ? [
              `${running} of its handlers`,
              "Let them heed their `signal`, and close outside of what they wait for.",
            ]
          : [
              `${running} of its deliveries, which a loop holds`,
              "Settle them, or leave the loop, before you close.",
            ];
    this.#context.onWarning(draining(`"${this.source}"`, waitsFor, timeoutMs, remedy));
  }
}
