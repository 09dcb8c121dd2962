import type { SettleResult } from "../api/delivery.ts";
import type { Subscription } from "../api/subscription.ts";
import type { MessagingError } from "../errors/messaging-error.ts";
import { Deque } from "../runtime/deque.ts";
import type { ReceivedMessage } from "../spi/message.ts";
import { attemptOf, withoutAttemptHeaders } from "./attempt-headers.ts";
import type { ConsumerSession } from "./consumer-session.ts";
import { Handling, type HandlingContext, type Scheduling } from "./handling.ts";
import { InFlightDelivery, InFlightList } from "./in-flight-delivery.ts";
import { KeySchedule } from "./key-schedule.ts";
import { ManualSettlement } from "./manual-settlement.ts";
import type { Partition } from "./partition.ts";

export interface DeliverySchedulerContext extends HandlingContext {
  readonly subscription: Subscription;
  readonly cumulative: boolean;
  /** There is room again, or nothing left to do: the receiver may look. */
  readonly onChange: () => void;
}

/**
 * Holds what was received, decides whose turn it is, and knows when nothing is
 * being worked on. One for the life of a subscription, whatever its consumers do.
 */
export class DeliveryScheduler implements Scheduling {
  readonly #context: DeliverySchedulerContext;
  readonly #handling: Handling;
  readonly #held = new InFlightList();
  readonly #ready = new Deque<InFlightDelivery>();
  readonly #keys = new KeySchedule();
  readonly #idle: (() => void)[] = [];
  #concurrency: number;
  #paused = false;
  /** Closing: nothing new is started. */
  #stopped = false;
  /** The drain deadline is over: nothing that a handler says is settled any more. */
  #cancelled = false;
  #running = 0;
  /** Running, or on its way to a retry path or dead letter. */
  #working = 0;
  #starting = false;

  constructor(context: DeliverySchedulerContext) {
    this.#context = context;
    this.#concurrency = context.settings.concurrency;
    const { subscription, settings, failures } = context;
    const isCancelled = () => this.#cancelled;
    const manual = new ManualSettlement({ subscription, settings, failures, isCancelled });
    this.#handling = new Handling(context, this, manual);
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
    this.proceed();
  }

  set paused(paused: boolean) {
    this.#paused = paused;
    if (!paused) this.proceed();
  }

  // ── In ──────────────────────────────────────────────────────────────────────

  admit(session: ConsumerSession, batch: readonly ReceivedMessage[]): void {
    this.#context.observer?.received?.(this.#context.address, batch);
    const now = this.#context.clock.now();
    for (const wire of batch) this.#admitOne(session, wire, now);
    this.proceed();
  }

  #admitOne(session: ConsumerSession, wire: ReceivedMessage, now: number): void {
    if (this.#stopped) return;
    const partition = wire.partition === undefined ? undefined : session.partition(wire.partition);
    if (partition?.revoking) return;
    const held = new InFlightDelivery(
      wire,
      session,
      partition,
      withoutAttemptHeaders(wire.headers),
      attemptOf(wire),
      now,
    );
    this.#held.add(held);
    if (partition !== undefined) partition.held++;
    if (this.#context.cumulative) partition?.track(held);
    if (this.#context.address.ordered && wire.key !== undefined && !this.#keys.enter(wire.key, held)) return;
    this.#ready.push(held);
  }

  // ── Scheduling ───────────────────────────────────────────────────────────────────

  proceed(): void {
    // A handler that returns at once ends inside `begin`: the loop goes on, without recursion.
    if (this.#starting) return;
    this.#starting = true;
    while (this.#running < this.#concurrency && !this.#paused && !this.#stopped) {
      const held = this.#ready.shift();
      if (held === undefined) break;
      this.#running++;
      this.#working++;
      held.phase = "running";
      held.partition?.started();
      this.#handling.begin(held);
    }
    this.#starting = false;
    this.#context.onChange();
  }

  handlerEnded(held: InFlightDelivery): boolean {
    this.#running--;
    held.current = undefined;
    if (!this.#cancelled) return true;
    // It will be someone else's, and failing is no news of ours.
    this.done(held);
    return false;
  }

  ack(held: InFlightDelivery): void {
    if (this.#context.settles) held.session.acks.ack(held);
    else this.released(held, "settled");
    this.done(held);
  }

  done(held: InFlightDelivery): void {
    this.#workEnds(held, "ended");
    if (held.lost || this.#stopped || !this.#context.settles) this.#remove(held);
    this.#leaveKey(held);
  }

  again(held: InFlightDelivery, delayMs: number): void {
    this.#workEnds(held, "waiting");
    if (this.#stopped || held.lost || held.partition?.revoking) {
      held.phase = "ended";
      this.#remove(held);
      return this.#leaveKey(held);
    }
    held.timer = this.#context.clock.setTimeout(() => {
      held.timer = undefined;
      held.phase = "queued";
      held.ending = "ack";
      held.attempt++;
      this.#ready.unshift(held);
      this.proceed();
    }, delayMs);
  }

  // ── Out ─────────────────────────────────────────────────────────────────────

  /** The broker has the settlement, or will never need it. */
  released(held: InFlightDelivery, result: SettleResult): void {
    this.#remove(held);
    this.#context.observer?.settled?.(this.#context.address, held.wire, held.ending, result);
    this.#context.onChange();
  }

  /** Everything held of this session that is not settled, to renew its lease. */
  leased(session: ConsumerSession): InFlightDelivery[] {
    return this.#held.filter((held) => held.session === session && !held.lost);
  }

  /** The broker has taken these back: what has not started is forgotten, what runs is told. */
  lose(matching: (held: InFlightDelivery) => boolean, reason: MessagingError): void {
    for (const held of this.#held.filter(matching)) {
      held.lost = true;
      held.current?.cancel(reason);
    }
    this.#forget((held) => held.lost && matching(held));
  }

  /**
   * The same, and what follows them under their ordering keys goes with them: it must
   * not be handled before they come again.
   */
  loseWithFollowers(matching: (held: InFlightDelivery) => boolean, reason: MessagingError): void {
    const { ordered } = this.#context.address;
    const keys = new Set<string>();
    // In order of receipt, so that what is found after the first of a key has come after it.
    const found = this.#held.filter((held) => {
      const key = ordered ? held.wire.key : undefined;
      if (key === undefined) return matching(held);
      const goes = keys.has(key) || matching(held);
      if (goes) keys.add(key);
      return goes;
    });
    if (found.length === 0) return;
    const lost = new Set(found);
    this.lose((held) => lost.has(held), reason);
  }

  /**
   * The same, for those that the broker has taken back. What became of one that is being
   * settled, its settlement tells.
   */
  loseUnsettled(lost: ReadonlySet<ReceivedMessage>, reason: MessagingError): void {
    this.loseWithFollowers((held) => lost.has(held.wire) && isUnsettled(held), reason);
  }

  /** Lets go of partitions: what has not started is forgotten, what runs is waited for. */
  async revoke(partitions: readonly Partition[]): Promise<void> {
    for (const partition of partitions) partition.revoking = true;
    this.#forget((held) => held.partition?.revoking === true);
    await Promise.all(partitions.map((partition) => partition.idle()));
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

  /** Forgets what is not being worked on; the broker will deliver it again. */
  #forget(matching: (held: InFlightDelivery) => boolean): void {
    const unworked = (held: InFlightDelivery) => isUnworked(held) && matching(held);
    this.#ready.retain((held) => !unworked(held));
    const promoted = this.#keys.drop(unworked);
    for (const held of this.#held.filter(unworked)) {
      if (held.timer !== undefined) this.#context.clock.clearTimeout(held.timer);
      held.timer = undefined;
      held.phase = "ended";
      this.#remove(held);
    }
    for (const held of promoted) this.#ready.push(held);
    this.proceed();
  }

  #remove(held: InFlightDelivery): void {
    if (!held.listed) return;
    this.#held.remove(held);
    if (held.partition === undefined) return;
    held.partition.held--;
    this.#forgetPartitionOf(held);
  }

  /** There may be as many partitions as keys; only those of a log are few, and go on. */
  #forgetPartitionOf({ partition, session }: InFlightDelivery): void {
    if (partition?.isOver && !this.#context.cumulative) session.forget(partition);
  }

  #leaveKey(held: InFlightDelivery): void {
    const { key } = held.wire;
    if (!this.#context.address.ordered || key === undefined) return;
    const next = this.#keys.leave(key, held);
    if (next !== undefined) this.#ready.push(next);
  }

  #workEnds(held: InFlightDelivery, phase: "waiting" | "ended"): void {
    held.phase = phase;
    this.#working--;
    held.partition?.ended();
    this.#forgetPartitionOf(held);
    if (this.#working === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function isUnworked({ phase }: InFlightDelivery): boolean {
  return phase === "queued" || phase === "waiting";
}

/** Nothing has been said yet of what is to become of it. */
function isUnsettled(held: InFlightDelivery): boolean {
  if (held.lost) return false;
  return isUnworked(held) || (held.phase === "running" && held.current?.settlement === undefined);
}
