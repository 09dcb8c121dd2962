import type { Observer } from "../client/observer.ts";
import type { SettleResult, Subscription } from "../client/types.ts";
import type { AnyPayload } from "../contract/contract.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { HandleMiddleware } from "../policies/middleware.ts";
import { type Validated, validate } from "../publishing/encode.ts";
import type { Address, Filter } from "../spi/address.ts";
import type { Clock } from "../spi/clock.ts";
import type { Delivery as WireDelivery } from "../spi/message.ts";
import { Deque } from "../structures/deque.ts";
import { Attempt } from "./attempt.ts";
import { attemptOf, withoutAttemptHeaders } from "./attempt-headers.ts";
import type { Failures } from "./failures.ts";
import { matches } from "./filter.ts";
import type { Generation } from "./generation.ts";
import { HandSettlement } from "./hand-settlement.ts";
import { Held, HeldList } from "./held.ts";
import { KeySchedule } from "./key-schedule.ts";
import type { Lane } from "./lane.ts";
import type { ConsumeSettings } from "./settings.ts";

export interface DispatcherContext {
  readonly subscription: Subscription;
  readonly address: Address;
  readonly payload: AnyPayload;
  readonly settings: ConsumeSettings;
  /** Set where core filters. */
  readonly filter: Filter | undefined;
  /** False for a reply path, whose deliveries need no settlement. */
  readonly settles: boolean;
  readonly cumulative: boolean;
  readonly handler: (value: unknown, attempt: Attempt) => unknown;
  readonly middleware: HandleMiddleware | undefined;
  readonly failures: Failures;
  readonly clock: Clock;
  readonly observer: Observer | undefined;
  readonly onError: (error: MessagingError) => void;
  /** There is room again, or nothing left to do: the receiver may look. */
  readonly onChange: () => void;
}

/** Decides which delivery is handled when, and what becomes of it. One for the life of a subscription. */
export class Dispatcher {
  readonly #context: DispatcherContext;
  readonly #held = new HeldList();
  readonly #ready = new Deque<Held>();
  readonly #keys = new KeySchedule();
  readonly #byHand: HandSettlement;
  readonly #idle: (() => void)[] = [];
  #concurrency: number;
  #paused = false;
  /** Closing: nothing new is started. */
  #stopped = false;
  /** The drain deadline is over: nothing is settled any more. */
  #cancelled = false;
  #running = 0;
  /** Running, or on its way to a retry path or dead letter. */
  #working = 0;
  #starting = false;

  constructor(context: DispatcherContext) {
    this.#context = context;
    this.#concurrency = context.settings.concurrency;
    const { subscription, settings, failures } = context;
    this.#byHand = new HandSettlement({
      subscription,
      settings,
      failures,
      isCancelled: () => this.#cancelled,
    });
  }

  get running(): number {
    return this.#running;
  }
  get held(): number {
    return this.#held.size;
  }
  get queued(): number {
    return this.#ready.size;
  }

  set concurrency(concurrency: number) {
    this.#concurrency = concurrency;
    this.#startReady();
  }

  set paused(paused: boolean) {
    this.#paused = paused;
    if (!paused) this.#startReady();
  }

  // ── In ──────────────────────────────────────────────────────────────────────

  admit(generation: Generation, batch: readonly WireDelivery[]): void {
    this.#context.observer?.received?.(this.#context.address, batch);
    const now = this.#context.clock.now();
    for (const wire of batch) this.#admitOne(generation, wire, now);
    this.#startReady();
  }

  #admitOne(generation: Generation, wire: WireDelivery, now: number): void {
    if (this.#stopped) return;
    const lane = wire.lane === undefined ? undefined : generation.lane(wire.lane);
    if (lane?.revoking) return;
    const held = new Held(wire, generation, lane, withoutAttemptHeaders(wire.headers), attemptOf(wire), now);
    this.#held.add(held);
    if (this.#context.cumulative) lane?.track(held);
    if (this.#context.address.ordered && wire.key !== undefined && !this.#keys.enter(wire.key, held)) return;
    this.#ready.push(held);
  }

  // ── Handling ────────────────────────────────────────────────────────────────

  #startReady(): void {
    // A handler that returns at once ends inside `#start`: the loop goes on, without recursion.
    if (this.#starting) return;
    this.#starting = true;
    while (this.#running < this.#concurrency && !this.#paused && !this.#stopped) {
      const held = this.#ready.shift();
      if (held === undefined) break;
      this.#start(held);
    }
    this.#starting = false;
    this.#context.onChange();
  }

  #start(held: Held): void {
    this.#running++;
    this.#workStarts(held, "running");
    const { filter, payload } = this.#context;
    const { expiresAt } = held.wire;
    if (
      (expiresAt !== undefined && this.#context.clock.now() >= expiresAt) ||
      (filter !== undefined && !matches(filter, held.headers))
    ) {
      return this.#handlerEnded(held, () => this.#ack(held));
    }
    const attempt = new Attempt(this.#byHand, held);
    held.current = attempt;
    if (held.attempt > this.#context.settings.retry.attempts) {
      // This delivery is none: it only takes note of those before it.
      held.attempt--;
      return this.#refuse(held, attempt, poison(held));
    }
    let decoded: Validated | Promise<Validated>;
    try {
      decoded = validate(payload, payload.codec.decode(held.wire.body), this.#context.address.name);
    } catch (cause) {
      return this.#refuse(held, attempt, this.#undecodable(cause));
    }
    if (!(decoded instanceof Promise)) return this.#call(held, attempt, decoded.value);
    decoded.then(
      ({ value }) => this.#call(held, attempt, value),
      (cause) => this.#refuse(held, attempt, this.#undecodable(cause)),
    );
  }

  #call(held: Held, attempt: Attempt, value: unknown): void {
    const { handler, middleware, observer, clock } = this.#context;
    attempt.value = value;
    const startedAt = observer?.handled === undefined ? 0 : clock.now();
    let result: unknown;
    try {
      result =
        middleware === undefined
          ? handler(value, attempt)
          : middleware(attempt, async () => void (await handler(attempt.value, attempt)));
    } catch (error) {
      return this.#threw(held, attempt, error, startedAt);
    }
    if (isPromise(result)) {
      result.then(
        () => this.#returned(held, attempt, startedAt),
        (error) => this.#threw(held, attempt, error, startedAt),
      );
    } else {
      this.#returned(held, attempt, startedAt);
    }
  }

  #returned(held: Held, attempt: Attempt, startedAt: number): void {
    const { observer, clock, address } = this.#context;
    observer?.handled?.(address, held.wire, undefined, clock.now() - startedAt);
    this.#handlerEnded(held, () => {
      if (attempt.retryAfterMs !== undefined) this.#waitInPlace(held, attempt.retryAfterMs);
      else if (attempt.claim()) this.#ack(held);
      else this.#ended(held);
    });
  }

  #threw(held: Held, attempt: Attempt, error: unknown, startedAt: number): void {
    const { observer, clock, address } = this.#context;
    observer?.handled?.(address, held.wire, error, clock.now() - startedAt);
    this.#handlerEnded(held, () => {
      if (attempt.claim()) return this.#failed(held, error, undefined);
      this.#report(error, "A handler threw after it had settled its message; the settlement stands.");
      if (attempt.retryAfterMs !== undefined) this.#waitInPlace(held, attempt.retryAfterMs);
      else this.#ended(held);
    });
  }

  /** To the dead letter without a handler call. */
  #refuse(held: Held, attempt: Attempt, error: MessagingError): void {
    attempt.claim();
    this.#handlerEnded(held, () => {
      if (!this.#context.settles) return this.#ended(held);
      this.#context.failures.noteFailure(held);
      void this.#toDeadLetter(held, error);
    });
  }

  #undecodable(cause: unknown): MessagingError {
    if (MessagingError.isInstance(cause)) return cause;
    return new MessagingError(
      "DECODE_FAILED",
      `A body from "${this.#context.address.name}" cannot be decoded: ${String(cause)}.`,
      { cause },
    );
  }

  #handlerEnded(held: Held, next: () => void): void {
    this.#running--;
    held.current = undefined;
    // Cancelled by drain or taken back by the broker: it is someone else's now, and failing is no news of ours.
    if (this.#cancelled) this.#ended(held);
    else next();
    this.#startReady();
  }

  // ── After a failure ─────────────────────────────────────────────────────────

  #failed(held: Held, error: unknown, askedDelayMs: number | undefined): void {
    if (!this.#context.settles) {
      this.#report(error, "A reply could not be handled.");
      return this.#ended(held);
    }
    const { failures, settings } = this.#context;
    const { retry } = settings;
    failures.noteFailure(held);
    if (held.lost) return void this.#ack(held);
    if (held.attempt >= retry.attempts || (askedDelayMs === undefined && !retry.retryable(error))) {
      return void this.#toDeadLetter(held, error);
    }
    const delayMs = askedDelayMs ?? retry.delayAfter(held.attempt, error);
    const way = failures.way(held, delayMs);
    if (way === "in place") return this.#waitInPlace(held, delayMs);
    if (way === "republish") return void this.#republish(held, delayMs);
    held.ending = "retry";
    held.generation.settler.retry(held, delayMs);
    this.#ended(held);
  }

  #waitInPlace(held: Held, delayMs: number): void {
    this.#workEnds(held, "waiting");
    if (this.#stopped || held.lost || held.lane?.revoking) return this.#drop(held);
    held.timer = this.#context.clock.setTimeout(() => {
      held.timer = undefined;
      held.phase = "queued";
      held.ending = "ack";
      held.attempt++;
      this.#ready.unshift(held);
      this.#startReady();
    }, delayMs);
  }

  async #republish(held: Held, delayMs: number): Promise<void> {
    held.phase = "settling";
    held.ending = "retry";
    if (await this.#context.failures.republish(held, delayMs)) this.#ack(held);
    else this.#waitInPlace(held, delayMs);
    this.#startReady();
  }

  async #toDeadLetter(held: Held, error: unknown): Promise<void> {
    held.phase = "settling";
    held.ending = "dead-letter";
    const stored = await this.#context.failures.deadLetter(held, error);
    if (stored && !this.#cancelled) this.#ack(held);
    else this.#ended(held);
    this.#startReady();
  }

  // ── Out ─────────────────────────────────────────────────────────────────────

  /** The broker has the settlement, or will never need it. */
  released(held: Held, result: SettleResult): void {
    this.#held.remove(held);
    this.#context.observer?.settled?.(this.#context.address, held.wire, held.ending, result);
    this.#context.onChange();
  }

  /** Everything held of this generation that is not settled, to renew its lease. */
  leased(generation: Generation): Held[] {
    return this.#held.filter((held) => held.generation === generation && !held.lost);
  }

  /** The broker has taken these back: what has not started is forgotten, what runs is told. */
  lose(matching: (held: Held) => boolean, reason: MessagingError): void {
    for (const held of this.#held.filter(matching)) {
      held.lost = true;
      held.current?.cancel(reason);
    }
    this.#forget((held) => held.lost && matching(held));
  }

  /** Lets go of lanes: what has not started is forgotten, what runs is waited for. */
  async revoke(lanes: readonly Lane[]): Promise<void> {
    for (const lane of lanes) lane.revoking = true;
    this.#forget((held) => held.lane?.revoking === true);
    await Promise.all(lanes.map((lane) => lane.idle()));
  }

  /** Starts nothing more. Resolves when nothing is being worked on. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#forget(() => true);
    return this.#working === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  /** The deadline is over: handlers still running are told, and whatever they do is not settled. */
  cancel(reason: MessagingError): void {
    this.#cancelled = true;
    for (const held of this.#held.filter((held) => held.current !== undefined)) held.current?.cancel(reason);
  }

  #ack(held: Held): void {
    if (this.#context.settles) held.generation.settler.ack(held);
    else this.released(held, "settled");
    this.#ended(held);
  }

  #ended(held: Held): void {
    this.#workEnds(held, "ended");
    if (held.lost || this.#stopped || !this.#context.settles) this.#held.remove(held);
    const { key } = held.wire;
    if (!this.#context.address.ordered || key === undefined) return;
    const next = this.#keys.leave(key, held);
    if (next !== undefined) this.#ready.push(next);
  }

  /** Forgets what is not being worked on; the broker will deliver it again. */
  #forget(matching: (held: Held) => boolean): void {
    const unworked = (held: Held) => (held.phase === "queued" || held.phase === "waiting") && matching(held);
    this.#ready.retain((held) => !unworked(held));
    const promoted = this.#keys.drop(unworked);
    for (const held of this.#held.filter(unworked)) {
      if (held.timer !== undefined) this.#context.clock.clearTimeout(held.timer);
      held.timer = undefined;
      held.phase = "ended";
      this.#held.remove(held);
    }
    for (const held of promoted) if (held.phase === "queued") this.#ready.push(held);
    this.#context.onChange();
  }

  #drop(held: Held): void {
    this.#held.remove(held);
    held.phase = "ended";
    const { key } = held.wire;
    const next = key === undefined ? undefined : this.#keys.leave(key, held);
    if (next !== undefined) this.#ready.push(next);
  }

  #workStarts(held: Held, phase: "running"): void {
    held.phase = phase;
    this.#working++;
    held.lane?.started();
  }

  #workEnds(held: Held, phase: "waiting" | "ended"): void {
    held.phase = phase;
    this.#working--;
    held.lane?.ended();
    if (this.#working === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #report(error: unknown, message: string): void {
    this.#context.onError(new MessagingError("HANDLER_FAILED", message, { cause: error }));
  }
}

/** What took its process or connection down at every attempt would do so for ever. */
function poison(held: Held): MessagingError {
  return new MessagingError("HANDLER_FAILED", `All ${held.attempt} attempts ended without a settlement.`, {
    retryable: false,
  });
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}
