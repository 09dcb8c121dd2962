import type { SettleResult } from "../api/delivery.ts";
import type { Subscription } from "../api/subscription.ts";
import { stopHandling } from "../errors/ended.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { monotonicNow } from "../runtime/clock.ts";
import type { CloseConsumerOptions } from "../spi/driver.ts";
import type { Headers, ReceivedMessage } from "../spi/message.ts";
import { settledTooLate } from "./ack-batcher.ts";
import { Admission } from "./admission.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import { AwaitedKeys } from "./awaited-keys.ts";
import { BlockedKeys, type BlockedKeysContext, type BlockedKeysHost } from "./blocked-keys.ts";
import type { ConsumerSession } from "./consumer-session.ts";
import { DeliveryRunner, type DeliveryRunnerContext, type RunnerHost } from "./delivery-runner.ts";
import { HandBacks } from "./hand-backs.ts";
import type { ClosingSubscription, HandlerCall } from "./handler-call.ts";
import type { DeliveryPartition, InFlightDelivery } from "./in-flight-delivery.ts";
import { InFlightList } from "./in-flight-list.ts";
import { KeySchedule } from "./key-schedule.ts";
import { ManualSettlement } from "./manual-settlement.ts";
import { ParkedDeliveries } from "./parked-deliveries.ts";
import { ReadyDeliveries } from "./ready-deliveries.ts";
import { RunningDeliveries } from "./running-deliveries.ts";
import { StartLoop } from "./start-loop.ts";
import { Suspects } from "./suspects.ts";
import type { Demand } from "./takers.ts";
import { Trials } from "./trials.ts";
import { withFollowers } from "./with-followers.ts";
import { WorkUnderWay } from "./work-under-way.ts";

export interface DeliverySchedulerContext extends DeliveryRunnerContext {
  readonly subscription: Subscription & ClosingSubscription;
  readonly attempts: AttemptMemory;
  readonly cumulative: boolean;
  /** Whether the broker keeps the count that a message is handed back with. */
  readonly keepsMarks: boolean;
  readonly onWarning: (warning: MessagingError) => void;
  /** Set where a dead-lettered message keeps its ordering key waiting. */
  readonly blockedKeys: BlockedKeysContext | undefined;
  /** Where the application takes deliveries one by one: for how many it asks. */
  readonly demand: Demand | undefined;
  /** There is room again, or nothing left to do: the receiver may look. */
  readonly onChange: () => void;
  /** A suspect waits, and nothing is being worked on: hand back all, and receive one at a time. */
  readonly onIsolate: () => void;
  /** What ran alone has ended well: receive as before. */
  readonly onIsolated: () => void;
  /** Leaves a count on one that is held. `undefined`: its consumer cannot. Never rejects. */
  readonly mark: (delivery: InFlightDelivery, redeliveries: number) => Promise<void> | undefined;
  /** What runs alone has done so for a while: receive as before beside it. False where its consumer cannot. */
  readonly onWiden: () => boolean;
}

/**
 * Holds what was received, decides whose turn it is, and knows when nothing is being worked on.
 * One for the life of a subscription, whatever its consumers do.
 */
export class DeliveryScheduler implements RunnerHost, BlockedKeysHost {
  readonly #context: DeliverySchedulerContext;
  readonly #runner: DeliveryRunner;
  readonly #inFlight = new InFlightList();
  readonly #ready: ReadyDeliveries;
  readonly #admission: Admission;
  readonly #suspects: Suspects;
  readonly #trials: Trials;
  readonly #keys = new KeySchedule();
  readonly #awaited: AwaitedKeys;
  readonly #blockedKeys: BlockedKeys | undefined;
  readonly #loop: StartLoop;
  /** Attempts whose handler has not ended, settled or not. */
  readonly #running = new RunningDeliveries();
  readonly #holds = new Set<object>();
  #concurrency: number;
  #paused = false;
  /** Closing: nothing new is started. */
  #stopped = false;
  /** The drain time is over: nothing that a handler says is settled any more. */
  #cancelled = false;
  readonly #handBacks: HandBacks;
  readonly #work = new WorkUnderWay();
  readonly #parked = new ParkedDeliveries();

  constructor(context: DeliverySchedulerContext) {
    this.#context = context;
    this.#concurrency = context.settings.concurrency;
    const { subscription, failures, onError } = context;
    const manual = new ManualSettlement({
      subscription,
      failures,
      onError,
      isCancelled: () => this.#cancelled,
    });
    this.#handBacks = new HandBacks(context);
    this.#awaited = new AwaitedKeys(this.#keys, context.clock);
    this.#suspects = new Suspects(context.keepsMarks);
    this.#ready = new ReadyDeliveries(this.#suspects);
    this.#blockedKeys = context.blockedKeys && new BlockedKeys(context.blockedKeys, this);
    this.#admission = new Admission(context, this.#suspects, this.#blockedKeys);
    this.#trials = new Trials(this.#suspects, {
      clock: context.clock,
      maxAttempts: context.settings.retry.maxAttempts,
      keepsMarks: context.keepsMarks,
      onIsolate: context.onIsolate,
      onIsolated: context.onIsolated,
      onWiden: context.onWiden,
      onChange: () => this.proceed(),
      hasRunningSuspect: () => this.#running.all().some(({ suspect }) => suspect),
      mark: context.mark,
      onMarked: (suspect) => {
        if (suspect.state !== "queued" || suspect.lost) return;
        this.#ready.add(suspect);
        this.proceed();
      },
    });
    this.#runner = new DeliveryRunner(context, this, manual);
    this.#loop = new StartLoop(this.#ready, {
      clock: context.clock,
      mayStart: () => this.#mayStart(),
      start: (delivery, now) => this.#start(delivery, now),
      onPause: () => {
        if (this.#work.size === 0 && !this.#stopped && !this.#isHeldUp) this.#trials.idle();
        context.onChange();
      },
    });
  }

  get running(): number {
    return this.#running.size;
  }
  /** The handler calls that have not ended. */
  *calls(): Iterable<HandlerCall> {
    for (const { current } of this.#running.all()) if (current !== undefined) yield current.call;
  }
  get held(): number {
    return this.#inFlight.size;
  }
  get heldBytes(): number {
    return this.#inFlight.bytes;
  }
  /** Held, but neither ready nor running: they wait behind their key, or for their next attempt. */
  get parked(): number {
    return this.#parked.size;
  }
  get parkedBytes(): number {
    return this.#parked.bytes;
  }
  /** Ordering keys that wait for a dead-lettered message. */
  get blockedKeys(): number {
    return this.#blockedKeys?.size ?? 0;
  }
  get queued(): number {
    return this.#ready.size;
  }
  /** While true, nothing more is to be received but what runs alone. */
  get isIsolating(): boolean {
    return this.#trials.isWanted || this.#trials.isOn;
  }
  /** While true, one message at a time is to be received. */
  get isIsolated(): boolean {
    return this.#trials.isOn;
  }

  /** What runs keeps others of its ordering key waiting. */
  get keepsFollowers(): boolean {
    for (const { message } of this.#running.all())
      if (message.key !== undefined && this.#keys.hasFollowers(message.key)) return true;
    return false;
  }

  get concurrency(): number {
    return this.#concurrency;
  }

  set concurrency(concurrency: number) {
    this.#concurrency = concurrency;
    this.proceed();
  }

  set paused(paused: boolean) {
    this.#paused = paused;
    if (!paused) this.proceed();
  }

  /** Something other than the operator keeps it from starting anything. */
  get isOnHold(): boolean {
    return this.#holds.size > 0;
  }

  /** Starts nothing until the returned function is called, whatever `paused` says. */
  hold(): () => void {
    const hold = {};
    this.#holds.add(hold);
    return () => {
      if (this.#holds.delete(hold)) this.proceed();
    };
  }

  /** All that may be held is held, of these partitions or in all. */
  noteFull(partitions?: readonly string[]): void {
    this.#blockedKeys?.noteFull(partitions);
  }

  // ── In ──────────────────────────────────────────────────────────────────────

  admit(session: ConsumerSession, batch: readonly ReceivedMessage[]): void {
    this.#context.observer?.received?.(this.#context.address, batch);
    for (const message of batch) this.#suspects.noteCount(message);
    const now = this.#context.clock.now();
    for (const message of batch) this.#admitOne(session, message, now);
    this.proceed();
  }

  /** What arrived when its consumer had come to an end: it comes again, and that it came uses no attempt. */
  passOver(session: ConsumerSession, batch: readonly ReceivedMessage[]): void {
    const { clock } = this.#context;
    for (const message of batch) {
      const { delivery, waitMs } = this.#admission.admit(message, session, undefined, clock.now());
      if (waitMs > 0) {
        delivery.move("delay");
        delivery.dueAt = monotonicNow(clock) + waitMs;
      }
      this.#handBacks.note(delivery);
      this.#handBacks.remember(delivery);
    }
  }

  #admitOne(session: ConsumerSession, message: ReceivedMessage, now: number): void {
    if (this.#stopped) return;
    const partition = message.partition === undefined ? undefined : session.partition(message.partition);
    if (partition?.revoking) return;
    const { address, cumulative } = this.#context;
    const { delivery, waitMs } = this.#admission.admit(message, session, partition, now);
    this.#inFlight.add(delivery);
    if (partition !== undefined) partition.held++;
    if (cumulative) partition?.track(delivery);
    const original = this.#blockedKeys?.originalOf(message);
    if (original !== undefined) {
      this.#join(original, delivery);
      return this.runAgain(original, message.headers);
    }
    const expected = this.#blockedKeys?.expectedOriginalOf(message);
    if (expected !== undefined) return this.#join(expected, delivery);
    if (address.ordered && message.key !== undefined && !this.#keys.enter(message.key, delivery)) {
      // What came before it may be handled once more: whatever is left to wait then, it waits behind that.
      if (waitMs > 0) delivery.dueAt = monotonicNow(this.#context.clock) + waitMs;
      return this.#parked.add(delivery);
    }
    if (waitMs > 0) return this.#delay(delivery, waitMs);
    this.#makeReady(delivery);
  }

  #makeReady(delivery: InFlightDelivery): void {
    if (delivery.isDeadLettered !== false) {
      delivery.move("block");
      this.#parked.add(delivery);
      if (delivery.isDeadLettered) this.#blockedKeys?.add(delivery);
      return;
    }
    if (!delivery.suspect || this.#trials.mayRun(delivery)) this.#ready.add(delivery);
  }

  // ── Turns ───────────────────────────────────────────────────────────────────

  proceed(): void {
    this.#loop.run();
  }

  /** Whoever takes the process down meanwhile is none of what waits here. */
  get #isHeldUp(): boolean {
    return this.#paused || this.#holds.size > 0;
  }

  #mayStart(): boolean {
    if (this.#isHeldUp || this.#stopped || this.#trials.isWanted) return false;
    if (this.#context.demand?.isOpen === false) return false;
    return this.#running.size < (this.#trials.isOn ? 1 : this.#concurrency);
  }

  #start(delivery: InFlightDelivery, now: number): void {
    delivery.move("start");
    this.#running.add(delivery);
    this.#context.demand?.started(delivery);
    this.#work.begins();
    this.#trials.started(delivery);
    delivery.partition?.started();
    this.#runner.begin(delivery, now);
  }

  handlerEnded(delivery: InFlightDelivery): boolean {
    this.#running.delete(delivery);
    this.#context.demand?.ended(delivery);
    if (delivery.current !== undefined) delivery.current.call.isOver = true;
    delivery.current = undefined;
    if (!this.#cancelled) return true;
    // It will be someone else's, and failing is no news of ours.
    this.finish(delivery);
    return false;
  }

  ack(delivery: InFlightDelivery, done?: (result: SettleResult) => void): void {
    if (delivery.state === "orphaned") return this.#settledTooLate(delivery, done);
    if (!this.#context.settles) return this.finish(delivery);
    this.#workEnds(delivery, "ack");
    delivery.session.acks.ack(delivery, done);
    this.#endRedriven(delivery);
    this.#leaveKey(delivery);
  }

  nativeRetry(delivery: InFlightDelivery, delayMs: number, done?: (result: SettleResult) => void): void {
    if (delivery.state === "orphaned") return this.#settledTooLate(delivery, done);
    this.#workEnds(delivery, "ack");
    delivery.session.acks.retry(delivery, delayMs, done);
    this.#leaveKey(delivery);
  }

  #settledTooLate(delivery: InFlightDelivery, done?: (result: SettleResult) => void): void {
    const { observer, address, onError } = this.#context;
    this.finish(delivery);
    observer?.settled?.(address, delivery.message, delivery.ending, "lost");
    onError(settledTooLate(delivery));
    done?.("lost");
  }

  finish(delivery: InFlightDelivery): void {
    this.#workEnds(delivery, "finish");
    // What the broker has been asked to settle is held until it answers.
    if (delivery.state === "ended") {
      this.#remove(delivery);
      this.#freeRedriven(delivery);
    }
    this.#leaveKey(delivery);
  }

  again(delivery: InFlightDelivery, delayMs: number, countsAttempt: boolean): void {
    if (delivery.state === "orphaned") return this.finish(delivery);
    if (countsAttempt) {
      delivery.attempt++;
      // A middleware that threw has used an attempt without any call of the handler.
      delivery.wasStarted = true;
    } else delivery.wasStarted = delivery.attempt > delivery.firstAttempt;
    delivery.dueAt = monotonicNow(this.#context.clock) + delayMs;
    this.#workEnds(delivery, "delay");
    // It ran alone, and was handed back with all that its consumer had.
    if (delivery.state === "ended") return;
    if (this.#stopped || delivery.partition?.revoking) {
      this.#handBack(delivery);
      return this.#leaveKey(delivery);
    }
    this.#parked.add(delivery);
    this.#setTimer(delivery, delayMs);
  }

  #delay(delivery: InFlightDelivery, delayMs: number): void {
    delivery.move("delay");
    this.#parked.add(delivery);
    this.#setTimer(delivery, delayMs);
  }

  #setTimer(delivery: InFlightDelivery, delayMs: number): void {
    const { clock } = this.#context;
    delivery.dueAt = monotonicNow(clock) + delayMs;
    delivery.timer = clock.setTimeout(() => {
      delivery.timer = undefined;
      delivery.dueAt = 0;
      delivery.move("due");
      delivery.ending = "ack";
      this.#parked.remove(delivery);
      if (delivery.suspect || delivery.isDeadLettered !== false) this.#makeReady(delivery);
      else this.#ready.addAgain(delivery);
      this.proceed();
    }, delayMs);
  }

  block(delivery: InFlightDelivery): void {
    delivery.isDeadLettered = true;
    if (delivery.state === "orphaned") {
      this.#handBacks.remember(delivery);
      return this.#settledTooLate(delivery);
    }
    this.#endRedriven(delivery);
    this.#workEnds(delivery, "block");
    // Handed back with all others, for the consumer to begin anew.
    if (delivery.state === "ended") return;
    if (this.#stopped || delivery.partition?.revoking) {
      this.#handBack(delivery);
      return this.#leaveKey(delivery);
    }
    this.#parked.add(delivery);
    this.#blockedKeys?.add(delivery);
  }

  unblock(delivery: InFlightDelivery): void {
    this.#blockedKeys?.remove(delivery);
    delivery.move("ack");
    delivery.session.acks.ack(delivery);
    this.#leaveKey(delivery);
    this.proceed();
  }

  clear(delivery: InFlightDelivery): void {
    delivery.move("due");
    this.#unparkReady(delivery);
    this.#trials.check();
  }

  /** The original has kept the place of what was redriven: it runs, and its copy is done when it is. */
  runAgain(original: InFlightDelivery, markedHeaders: Headers): void {
    this.#blockedKeys?.remove(original);
    original.beginAnew(markedHeaders);
    this.#parked.remove(original);
    this.#ready.addAgain(original);
  }

  /** What a redrive has brought back waits for its original, or is done with it. */
  #join(original: InFlightDelivery | "done", copy: InFlightDelivery): void {
    this.#blockedKeys?.remove(copy);
    copy.move("block");
    if (original === "done") return this.#ackCopy(copy);
    this.#parked.add(copy);
    original.redriven ??= [];
    original.redriven.push(copy);
  }

  #ackCopy(copy: InFlightDelivery): void {
    copy.move("ack");
    copy.session.acks.ack(copy);
  }

  /** What a redrive has brought back is done, or has been dead-lettered once more. */
  #endRedriven(delivery: InFlightDelivery): void {
    this.#blockedKeys?.done(delivery);
    for (const copy of takeRedriven(delivery)) this.#ackCopy(copy);
  }

  /** The original is gone from here: its copy is a message like any other. True where there is one. */
  #freeRedriven(delivery: InFlightDelivery): boolean {
    this.#blockedKeys?.forget(delivery);
    const copies = takeRedriven(delivery);
    for (const copy of copies) {
      copy.isDeadLettered = false;
      copy.move("due");
      if (this.#keys.enter(copy.message.key as string, copy)) this.#unparkReady(copy);
    }
    return copies.length > 0;
  }

  /** Nothing came to be run alone: back to many at a time. */
  endIsolation(): void {
    this.#trials.end();
  }

  // ── Out ─────────────────────────────────────────────────────────────────────

  /** The broker has the settlement, or will never need it. */
  released(delivery: InFlightDelivery, result: SettleResult): void {
    delivery.move("release");
    this.#remove(delivery);
    // One that was settled by hand while its handler runs comes by no other way.
    if (result === "settled" && delivery.ending !== "retry") this.#endRedriven(delivery);
    else if (this.#freeRedriven(delivery)) this.proceed();
    this.#context.observer?.settled?.(this.#context.address, delivery.message, delivery.ending, result);
    this.#context.onChange();
  }

  /** Everything of this session that is not settled, to renew its lease: also what is handed back when it closes. */
  leased(session: ConsumerSession): InFlightDelivery[] {
    const isOwn = (delivery: InFlightDelivery) => delivery.session === session && !delivery.lost;
    return [...this.#inFlight.filter(isOwn), ...this.#handBacks.of(session)];
  }

  /** What a closing consumer is told of those that are not settled, or when partitions go, of those in them. */
  unsettled(
    session: ConsumerSession,
    partitions?: ReadonlySet<DeliveryPartition | undefined>,
  ): CloseConsumerOptions {
    const goes = (each: InFlightDelivery) =>
      each.session === session && (partitions === undefined || partitions.has(each.partition));
    const told = this.#handBacks.tell(this.leased(session).filter(goes));
    this.#handBacks.forget(goes);
    return told;
  }

  /** The broker has taken these back: what has not started is forgotten, what runs is told. */
  lose(matching: (delivery: InFlightDelivery) => boolean, reason: MessagingError): void {
    const lost = new Set(this.#inFlight.filter((delivery) => !delivery.lost && matching(delivery)));
    if (lost.size === 0) return;
    for (const delivery of lost) {
      this.#beginWait(delivery);
      this.#handBacks.remember(delivery);
      delivery.lost = true;
      delivery.current?.cancel(reason);
      if (!delivery.isIdle) delivery.move("lose");
    }
    this.#drop((delivery) => lost.has(delivery), "lose");
    for (const delivery of lost) this.#freeRedriven(delivery);
  }

  /** The same, for all that came with a consumer that is no more. What comes next comes in order. */
  loseAllOf(session: ConsumerSession): void {
    this.lose(
      (delivery) => delivery.session === session,
      new MessagingError("LEASE_LOST", "The connection was lost.", { remedy: stopHandling }),
    );
    if (this.awaits) this.stopAwaiting(Number.POSITIVE_INFINITY);
  }

  /**
   * The same, and what follows them under their ordering keys goes with them: it must
   * not be handled before they come again.
   */
  loseWithFollowers(matching: (delivery: InFlightDelivery) => boolean, reason: MessagingError): void {
    const lost = withFollowers(this.#inFlight, this.#context.address.ordered, matching);
    if (lost.size > 0) this.lose((delivery) => lost.has(delivery), reason);
  }

  /**
   * The same, for what the broker does not take back before its lease is over: it may deliver more of
   * these keys meanwhile, which waits here until they have come again, or until nothing came of them
   * for so long that they must have gone elsewhere.
   */
  letGo(matching: (delivery: InFlightDelivery) => boolean, awaitMs: number, reason: MessagingError): void {
    const { ordered } = this.#context.address;
    const lost = withFollowers(this.#inFlight, ordered, matching);
    if (ordered) this.#awaited.await(lost, awaitMs);
    if (lost.size > 0) this.lose((delivery) => lost.has(delivery), reason);
  }

  /** Keys wait for what was let go. */
  get awaits(): boolean {
    return this.#awaited.size > 0;
  }

  /** What was awaited until then, by the clock's steady time, has had its chance to come again. */
  stopAwaiting(until: number): void {
    for (const next of this.#awaited.stop(until)) this.#unparkReady(next);
    this.proceed();
  }

  /**
   * The same, for those that the broker has taken back. What became of one that is being
   * settled, its settlement tells.
   */
  loseUnsettled(lost: ReadonlySet<ReceivedMessage>, reason: MessagingError): void {
    this.#handBacks.forget(({ message }) => lost.has(message));
    this.loseWithFollowers((delivery) => lost.has(delivery.message) && isUnsettled(delivery), reason);
  }

  /** Lets go of partitions: what has not started is forgotten, what runs is waited for. */
  async revoke(partitions: readonly DeliveryPartition[]): Promise<void> {
    for (const partition of partitions) partition.revoking = true;
    this.#handBackAll((delivery) => delivery.partition?.revoking === true);
    await Promise.all(partitions.map((partition) => partition.idle()));
  }

  /** Hands back what has not started, so that nothing of it is behind what runs alone. */
  handBackIdle(session: ConsumerSession): void {
    this.#handBackAll((delivery) => delivery.session === session);
  }

  /** Starts nothing more. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#trials.stop();
    this.#holds.clear();
    this.#handBackAll(() => true);
  }

  /** Resolves when no more than so many are being worked on. */
  idle(but = 0): Promise<void> {
    return this.#work.idle(but);
  }

  /** The drain time is over: handlers still running are told, and whatever they do is not settled. */
  cancel(reason: MessagingError): void {
    this.#cancelled = true;
    for (const delivery of this.#running.all()) {
      this.#noteCutOff(delivery);
      delivery.current?.cancel(reason);
    }
  }

  /** It was an attempt, whether its handler ends before its consumer has closed or after. */
  #noteCutOff(delivery: InFlightDelivery): void {
    if (delivery.state !== "running" || !delivery.current?.call.handlerCalled) return;
    this.#beginWait(delivery);
    this.#handBacks.remember(delivery);
    if (!delivery.suspect) delivery.attempt++;
    this.#handBacks.note(delivery);
  }

  /** A retry in place that was asked for waits from now on, since the end of its handler is not waited for. */
  #beginWait(delivery: InFlightDelivery): void {
    const stays = delivery.state === "running" ? delivery.current?.outcome.staysAfter : undefined;
    if (stays?.step === "wait") delivery.dueAt = monotonicNow(this.#context.clock) + stays.delayMs;
  }

  #handBackAll(matching: (delivery: InFlightDelivery) => boolean): void {
    this.#drop(matching, "forget");
  }

  #handBack(delivery: InFlightDelivery): void {
    this.#handBacks.note(delivery);
    this.#handBacks.remember(delivery);
    delivery.move("forget");
    this.#remove(delivery);
    this.#freeRedriven(delivery);
  }

  /** Forgets what is not being worked on; the broker will deliver it again. */
  #drop(matching: (delivery: InFlightDelivery) => boolean, event: "lose" | "forget"): void {
    const goes = (delivery: InFlightDelivery) => delivery.isIdle && matching(delivery);
    this.#ready.retain((each) => !goes(each));
    const promoted = this.#keys.drop(goes);
    const gone = this.#inFlight.filter(goes);
    for (const delivery of gone) {
      if (delivery.timer !== undefined) {
        this.#context.clock.clearTimeout(delivery.timer);
        delivery.timer = undefined;
      }
      if (!delivery.lost) {
        this.#handBacks.note(delivery);
        this.#handBacks.remember(delivery);
      }
      delivery.move(event);
      this.#remove(delivery);
    }
    for (const delivery of gone) this.#freeRedriven(delivery);
    for (const delivery of promoted) this.#unparkReady(delivery);
    this.proceed();
  }

  /** Its key is free. */
  #unparkReady(delivery: InFlightDelivery): void {
    const waitMs = delivery.dueAt - monotonicNow(this.#context.clock);
    if (delivery.dueAt > 0 && waitMs > 0) return this.#delay(delivery, waitMs);
    delivery.dueAt = 0;
    this.#parked.remove(delivery);
    this.#makeReady(delivery);
  }

  #remove(delivery: InFlightDelivery): void {
    this.#parked.remove(delivery);
    this.#blockedKeys?.remove(delivery);
    if (!delivery.listed) return;
    this.#inFlight.remove(delivery);
    if (delivery.partition === undefined) return;
    delivery.partition.held--;
    this.#forgetPartitionOf(delivery);
  }

  /** There may be as many partitions as keys; only those of a log are few, and go on. */
  #forgetPartitionOf({ partition, session }: InFlightDelivery): void {
    if (partition?.isOver && !this.#context.cumulative) session.forget(partition);
  }

  #leaveKey(delivery: InFlightDelivery): void {
    const { key } = delivery.message;
    if (!this.#context.address.ordered || key === undefined) return;
    const next = this.#keys.leave(key, delivery);
    if (next !== undefined) this.#unparkReady(next);
  }

  #workEnds(delivery: InFlightDelivery, event: "delay" | "block" | "ack" | "finish"): void {
    delivery.move(event);
    this.#work.ends();
    delivery.partition?.ended();
    this.#forgetPartitionOf(delivery);
    this.#trials.ended(delivery);
  }
}

const none: readonly InFlightDelivery[] = [];

/** The copies that wait for it, which it gives up. */
function takeRedriven(delivery: InFlightDelivery): readonly InFlightDelivery[] {
  const copies = delivery.redriven;
  if (copies === undefined) return none;
  delivery.redriven = [];
  // Others were lost or handed back meanwhile.
  return copies.filter(({ state }) => state === "blocking");
}

/** Nothing has been said yet of what is to become of it. */
function isUnsettled(delivery: InFlightDelivery): boolean {
  if (delivery.lost) return false;
  return delivery.isIdle || (delivery.state === "running" && delivery.current?.settlement === undefined);
}
