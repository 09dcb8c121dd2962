import {
  type Call,
  type CloseConsumerOptions,
  type Consumer,
  type Filter,
  OutstandingMessages,
  PrefetchEstimate,
  PushQueue,
  type ReceivedMessage,
  type Settlement,
  type SettleOutcome,
  systemClock,
  within,
} from "@waybill/core/spi";
import { matches } from "./client/filters.ts";
import type { PulledMessage, Service } from "./client/service.ts";
import { DeferredMessages } from "./delays/deferred-messages.ts";
import { deadlinesOf } from "./delays/hand-back-deadlines.ts";
import { GooglePubsubDelivery } from "./delivery.ts";
import { delayed } from "./mapping.ts";
import type { GooglePubsubPublisher } from "./publisher.ts";
import { acknowledge, failuresOf, isPermanent } from "./receiving/acknowledge.ts";
import { Puller } from "./receiving/puller.ts";

/** How long handing back may take, in milliseconds. */
const handBackTimeoutMs = 5_000;

export interface ConsumerParts {
  readonly service: Service;
  readonly publisher: GooglePubsubPublisher;
  /** By their full names: the one consumed, and the one for what only this group or queue is to get. */
  readonly main: string;
  readonly returns: { readonly subscription: string; readonly topic: string } | undefined;
  readonly prefetch: number;
  /** The most bytes held, as far as they can be foreseen. One message always fits. */
  readonly prefetchBytes: number;
  readonly leaseMs: number;
  /** The subscriptions' own ack deadline in milliseconds; `undefined` where it could not be read. */
  readonly timeoutMs: number | undefined;
  /** The most pulls at once. */
  readonly pulls: number;
  readonly polling: boolean;
  readonly filter: Filter | undefined;
  /** For replies: only those of this inbox, acked as they come. */
  readonly inbox: string | undefined;
  readonly report: (cause: unknown) => void;
  /** Takes away what nobody is to find. */
  readonly onClosed: () => Promise<void>;
}

/** A member of a group, one of a queue's consumers, or a reader with a subscription of its own. */
export class GooglePubsubConsumer implements Consumer {
  readonly #parts: ConsumerParts;
  readonly #queue = new PushQueue<GooglePubsubDelivery>();
  readonly #outstanding = new OutstandingMessages<GooglePubsubDelivery>();
  readonly #estimate: PrefetchEstimate;
  readonly #pullers: readonly Puller[];
  readonly #deferred: DeferredMessages;
  readonly #housekeeping: NodeJS.Timeout;
  /** By how much too early a lease is taken for over: the answer was under way for a while. */
  readonly #marginMs: number;
  /** The most messages held. */
  #prefetch: number;
  #asked = 0;
  #closing: Promise<void> | undefined;

  constructor(parts: ConsumerParts) {
    this.#parts = parts;
    const { service, main, returns, leaseMs } = parts;
    this.#prefetch = parts.prefetch;
    this.#marginMs = Math.min(1_000, leaseMs / 10);
    this.#estimate = new PrefetchEstimate(parts.prefetchBytes);
    this.#deferred = new DeferredMessages(service, returns?.subscription ?? main);
    const least = () => {
      const fitting = Math.min(this.#prefetch, this.#estimate.room(0));
      return Math.max(1, Math.floor(fitting / (2 * parts.pulls)));
    };
    const pullers = [this.#puller(main, parts.pulls, least)];
    if (returns !== undefined) {
      const extra = () => Math.max(1, Math.min(this.#prefetch, this.#estimate.room(0)) >> 3);
      pullers.unshift(this.#puller(returns.subscription, 1, () => 1, extra));
    }
    this.#pullers = pullers;
    this.#housekeeping = setInterval(this.#dropExpired, leaseMs / 2).unref();
    this.#proceed();
  }

  async receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    if (this.#closing !== undefined) return [];
    const now = performance.now();
    const queued = await this.#queue.receive(max, call.signal);
    const deliveries = queued.every((delivery) => delivery.leasedUntil > now)
      ? queued
      : queued.filter((delivery) => delivery.leasedUntil > now);
    for (const delivery of deliveries) this.#outstanding.received(delivery);
    // Without settlement there is nothing to wait for.
    if (this.#parts.inbox !== undefined) this.#autoAck(deliveries);
    return deliveries;
  }

  async settle(batch: readonly Settlement[], _call: Call): Promise<readonly SettleOutcome[]> {
    const outcomes = new Array<SettleOutcome>(batch.length).fill("lost");
    if (this.#closing !== undefined) return outcomes;
    const now = performance.now();
    const ours: GooglePubsubDelivery[] = [];
    const indexes: number[] = [];
    for (let i = 0; i < batch.length; i++) {
      const delivery = (batch[i] as Settlement).delivery as GooglePubsubDelivery;
      if (!this.#outstanding.has(delivery)) continue;
      if (delivery.leasedUntil > now) {
        ours.push(delivery);
        indexes.push(i);
      } else this.#outstanding.drop(delivery);
    }
    await acknowledge(this.#parts.service, ours, indexes, outcomes);
    indexes.forEach((index, at) => {
      if (typeof outcomes[index] === "string") this.#outstanding.drop(ours[at] as GooglePubsubDelivery);
    });
    this.#pullers.at(-1)?.hurry();
    // What returns may wait for this room too, and a main pull under way would not wake it for a minute.
    this.#proceed();
    return outcomes;
  }

  /** Renews also what core has not received yet. */
  async extend(batch: readonly ReceivedMessage[], _call: Call): Promise<readonly ReceivedMessage[]> {
    if (this.#closing !== undefined) return [];
    const ours = batch as readonly GooglePubsubDelivery[];
    const now = performance.now();
    const held = [...ours, ...this.#outstanding.waiting];
    await this.#lease(held.filter(({ leasedUntil }) => leasedUntil > now));
    return ours.filter(({ leasedUntil }) => leasedUntil <= now);
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch;
    this.#proceed();
  }

  /** The service has no way to tell it what was started; a hand-back leaves `redeliveries` at 0 for all. */
  close(options: CloseConsumerOptions): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  /** `extra`: how many it may ask for beyond the prefetch, and at all; none for the main one. */
  #puller(subscription: string, most: number, least: () => number, extra?: () => number): Puller {
    const { polling, service } = this.#parts;
    const room = () => {
      if (this.#closing !== undefined) return 0;
      const held = this.#outstanding;
      const free = Math.min(this.#prefetch - held.size, this.#estimate.room(held.bytes)) - this.#asked;
      return extra === undefined ? free : Math.min(extra(), free + extra());
    };
    return new Puller({
      service,
      subscription,
      most: polling ? 1 : most,
      least,
      room,
      onAsked: (change) => {
        // What waits for returns takes no room from the rest: there are seldom any.
        if (extra === undefined) this.#asked += change;
        if (change < 0) this.#proceed();
      },
      onReceived: this.#take,
      onFailed: (cause) => this.#queue.fail(cause),
      polling,
    });
  }

  #proceed(): void {
    for (const puller of this.#pullers) puller.proceed();
  }

  readonly #take = (messages: readonly PulledMessage[], subscription: string): void => {
    const { leaseMs, timeoutMs, filter, inbox, returns, main } = this.#parts;
    const now = performance.now();
    const leasedUntil = now + (timeoutMs ?? 10_000) - this.#marginMs;
    const taken: GooglePubsubDelivery[] = [];
    const early: GooglePubsubDelivery[] = [];
    const unwanted: GooglePubsubDelivery[] = [];
    for (const message of messages) {
      const delivery = new GooglePubsubDelivery(message, subscription);
      this.#estimate.arrived(delivery.bytes);
      delivery.leasedUntil = leasedUntil;
      if (delivery.dueAt > 0) this.#date(delivery);
      if (
        (inbox !== undefined && delivery.inbox !== inbox) ||
        (filter !== undefined && subscription === main && !matches(filter, delivery.headers))
      )
        unwanted.push(delivery);
      else if (delivery.waitsUntil > now) early.push(delivery);
      else taken.push(delivery);
    }
    if (timeoutMs !== leaseMs && taken.length > 0) {
      this.#lease(taken).catch(this.#parts.report);
    }
    for (const delivery of taken) {
      this.#outstanding.arrived(delivery);
      this.#queue.push(delivery);
    }
    if (unwanted.length > 0) this.#autoAck(unwanted);
    if (early.length > 0) {
      if (subscription === main && returns !== undefined) void this.#move(early, returns.topic);
      else this.#deferred.defer(early);
    }
  };

  /** Says when it is due by the steady clock, so that clocks that are set meanwhile change nothing. */
  #date(delivery: GooglePubsubDelivery): void {
    const { clock } = this.#parts.service.clients;
    clock.noteStored(delivery.storedAt);
    delivery.waitsUntil = delivery.dueAt - clock.offsetMs;
  }

  /** To where only this group gets it: there it may wait without being in anybody's way. */
  async #move(early: readonly GooglePubsubDelivery[], topic: string): Promise<void> {
    const now = performance.now();
    const { publisher, report, leaseMs } = this.#parts;
    const messages = early.map((delivery) =>
      delayed(delivery.native.message, delivery, delivery.waitsUntil - now),
    );
    const outcomes = await publisher.forward(topic, messages, AbortSignal.timeout(leaseMs));
    this.#autoAck(early.filter((_, index) => outcomes[index]?.ok));
    // The leases of the others end, and they come again.
    for (const cause of new Set(outcomes.map((outcome) => (outcome.ok ? undefined : outcome.cause))))
      if (cause !== undefined) report(cause);
  }

  /** Acks what nobody is to see. Where this fails it comes again, to the same end. */
  #autoAck(deliveries: readonly GooglePubsubDelivery[]): void {
    if (deliveries.length === 0) return;
    for (const delivery of deliveries) this.#outstanding.drop(delivery);
    const outcomes: SettleOutcome[] = [];
    const indexes = deliveries.map((_, index) => index);
    void acknowledge(this.#parts.service, deliveries, indexes, outcomes);
    this.#proceed();
  }

  async #lease(deliveries: readonly GooglePubsubDelivery[]): Promise<void> {
    const { leaseMs } = this.#parts;
    const from = performance.now();
    let lost: Readonly<Record<string, string>> = {};
    try {
      await this.#modify(deliveries, Math.ceil(leaseMs / 1_000));
    } catch (cause) {
      // One that is lost, or acked without our having heard of it, is no end of the others' leases.
      const failures = failuresOf(cause);
      if (failures === undefined) throw cause;
      lost = failures;
    }
    for (const delivery of deliveries) {
      const failure = lost[delivery.ackId];
      if (failure === undefined) delivery.leasedUntil = from + leaseMs - this.#marginMs;
      else if (isPermanent(failure)) delivery.leasedUntil = 0;
    }
  }

  async #modify(deliveries: readonly GooglePubsubDelivery[], seconds: number): Promise<void> {
    const { service, main, returns } = this.#parts;
    const calls = [main, returns?.subscription].map((subscription) => {
      if (subscription === undefined) return undefined;
      const own = deliveries.filter((delivery) => delivery.subscription === subscription);
      const ids = own.map(({ ackId }) => ackId);
      return ids.length === 0 ? undefined : service.modifyAckDeadline(subscription, ids, seconds);
    });
    await Promise.all(calls);
  }

  /** What core gave up is renewed no more and takes no room for longer than its lease. */
  readonly #dropExpired = (): void => {
    const now = performance.now();
    this.#queue.remove(({ leasedUntil }) => leasedUntil <= now);
    this.#outstanding.dropExpired(now);
    this.#proceed();
  };

  async #close(options: CloseConsumerOptions): Promise<void> {
    clearInterval(this.#housekeeping);
    const ending = Promise.all(this.#pullers.map((puller) => puller.close()));
    await within(systemClock, handBackTimeoutMs, ending);
    this.#queue.remove(() => true);
    const deadlines = deadlinesOf(this.#outstanding.takeAll(), options.delayed);
    const handingBack = Promise.all([...deadlines].map(([seconds, own]) => this.#modify(own, seconds)));
    await within(systemClock, handBackTimeoutMs, Promise.allSettled([handingBack, this.#deferred.close()]));
    await within(systemClock, handBackTimeoutMs, this.#parts.onClosed());
  }
}
