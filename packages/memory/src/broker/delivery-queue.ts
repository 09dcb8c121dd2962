import { type Clock, type Filter, type PublishOutcome, stored, type WireMessage } from "@waybill/core/spi";
import { countedOnceMore, MemoryDelivery } from "../delivery.ts";
import { overloaded } from "../errors.ts";
import { encode, type StoredMessage } from "../mapping.ts";
import { type Backlog, PlainBacklog } from "./backlog.ts";
import { DueTimes } from "./due-times.ts";
import { KeyedBacklog } from "./keyed-backlog.ts";
import { Leases } from "./leases.ts";
import type { Taker } from "./partition.ts";

export interface QueueSettings {
  readonly clock: Clock;
  /** The most messages and bytes it holds, unsettled ones included. */
  readonly maxMessages: number;
  readonly maxBytes: number;
}

export interface QueueNature {
  /** What error messages call it. */
  readonly title: string;
  readonly ordered: boolean;
  /** Only what matches is routed here. */
  readonly filter?: Filter | undefined;
  /** Taking is settling: nothing is ever redelivered. */
  readonly autoAck?: boolean;
}

/** One consumer of a queue. */
export interface QueueMember extends Taker {
  /** How long it may keep what it is handed, in milliseconds. */
  readonly leaseMs: number;
  /** The bytes of all that it holds. The queue keeps this up to date. */
  heldBytes: number;
  /** The queue has something, of which this member's share is so many. */
  offer(share: number): void;
  /** Nothing more can be had, for this cause. */
  fail(cause: unknown): void;
}

/**
 * Messages and the members that compete for them. A queue, a topic's group, an
 * ephemeral subscription and an inbox are all one of these.
 *
 * A message in it is delayed, waiting or held, and each of the three has a part
 * that knows when or in which order it moves on: `DueTimes`, `Backlog`, `Leases`.
 */
export class DeliveryQueue {
  readonly nature: QueueNature;
  /** Set once it is no more. */
  ended: { readonly cause: unknown } | undefined;
  readonly #settings: QueueSettings;
  readonly #backlog: Backlog;
  /** When to look again at what is delayed, and at what waits but expires. */
  readonly #due: DueTimes<MemoryDelivery>;
  readonly #leases: Leases;
  readonly #members = new Set<QueueMember>();
  /** Members whose `receive` waits, the longest waiting first. */
  readonly #waiting = new Set<QueueMember>();
  #nextPosition = 0;
  #wakingSoon = false;
  #messages = 0;
  #bytes = 0;

  constructor(nature: QueueNature, settings: QueueSettings) {
    this.nature = nature;
    this.#settings = settings;
    this.#backlog = nature.ordered ? new KeyedBacklog() : new PlainBacklog();
    this.#due = new DueTimes(settings.clock, (deliveries) => this.#onDue(deliveries));
    this.#leases = new Leases(settings.clock, (expired) => this.#takeBack(expired, countedOnceMore));
  }

  /** Messages that no consumer holds, delayed ones included. */
  get backlog(): number {
    return this.#messages - this.#leases.size;
  }

  get held(): number {
    return this.#leases.size;
  }

  get members(): ReadonlySet<QueueMember> {
    return this.#members;
  }

  publish(wire: WireMessage, now: number): PublishOutcome {
    const message = encode(wire, this.#nextPosition, now);
    if (!this.hasRoomFor(message)) return { ok: false, cause: overloaded(this.nature.title) };
    this.#nextPosition++;
    this.put(message, now);
    return stored;
  }

  hasRoomFor(message: StoredMessage): boolean {
    const { maxMessages, maxBytes } = this.#settings;
    return this.#messages < maxMessages && this.#bytes + message.bytes <= maxBytes;
  }

  /** Takes a message in. Members learn of it by `wake`, so that a batch reaches them as one. */
  put(message: StoredMessage, now: number): void {
    this.#messages++;
    this.#bytes += message.bytes;
    const delivery = new MemoryDelivery(message);
    if (message.dueAt > now) this.#delay(delivery, message.dueAt);
    else this.#enqueue(delivery);
  }

  /** Hands out to the members that wait, each a fair share. False when there was nothing to hand out, or nobody. */
  wake(): boolean {
    const before = this.#backlog.size;
    for (const member of this.#waiting) {
      if (this.#backlog.size === 0) break;
      member.offer(Math.ceil(this.#backlog.size / this.#waiting.size));
    }
    return this.#backlog.size < before;
  }

  take(member: QueueMember, max: number): MemoryDelivery[] {
    const taken: MemoryDelivery[] = [];
    if (this.#backlog.size === 0) return taken;
    const now = this.#settings.clock.now();
    while (taken.length < max) {
      const delivery = this.#backlog.next(member);
      if (delivery === undefined) break;
      this.#due.remove(delivery);
      if (delivery.hasExpired(now)) this.#finish(delivery);
      else taken.push(this.#handOut(delivery, member, now));
    }
    return taken;
  }

  ack(delivery: MemoryDelivery): void {
    this.#endLease(delivery);
    this.#finish(delivery);
  }

  /** To the end of the queue, once the delay is over; with a key to where it was, and its key waits for it. */
  retry(delivery: MemoryDelivery, delayMs: number, redeliveries = delivery.redeliveries + 1): void {
    const successor = this.#endHold(delivery, redeliveries);
    const isKeyed = delivery.keyPartition?.key !== undefined;
    if (isKeyed) {
      this.#backlog.park(successor);
      this.#takeBack(this.#heldBehind([successor]), (behind) => behind.redeliveries);
    } else if (successor.keyPartition !== undefined) {
      this.#backlog.finish(successor);
      successor.keyPartition = undefined;
    }
    if (delayMs > 0) this.#delay(successor, this.#settings.clock.now() + delayMs);
    else if (isKeyed) this.#restore([successor]);
    else this.#enqueue(successor);
    this.#wakeSoon();
  }

  extend(delivery: MemoryDelivery, until: number): void {
    this.#leases.renew(delivery, until);
  }

  join(member: QueueMember): void {
    this.#members.add(member);
    if (this.ended !== undefined) member.fail(this.ended.cause);
  }

  /** Others get what it held, with these redeliveries. */
  leave(member: QueueMember, redeliveriesOf: (delivery: MemoryDelivery) => number): void {
    this.#members.delete(member);
    this.#waiting.delete(member);
    const held = [...this.#leases].filter(({ holder }) => holder === member);
    this.#takeBack(held, redeliveriesOf);
  }

  await(member: QueueMember): void {
    this.#waiting.add(member);
  }

  stopAwaiting(member: QueueMember): void {
    this.#waiting.delete(member);
  }

  /** The queue is no more: its members cannot go on, for this cause. */
  end(cause: unknown): void {
    this.ended ??= { cause };
    for (const member of [...this.#members]) member.fail(cause);
    this.#due.clear();
    this.#leases.stop();
  }

  #handOut(delivery: MemoryDelivery, member: QueueMember, now: number): MemoryDelivery {
    if (this.nature.autoAck) {
      this.#finish(delivery);
    } else {
      delivery.state = "held";
      delivery.holder = member;
      member.heldBytes += delivery.message.bytes;
      this.#leases.grant(delivery, now + member.leaseMs);
    }
    return delivery;
  }

  /** All in one go, so that they come back in their order. */
  #takeBack(
    deliveries: readonly MemoryDelivery[],
    redeliveriesOf: (delivery: MemoryDelivery) => number,
  ): void {
    if (deliveries.length === 0) return;
    const successors = deliveries.map((delivery) => this.#endHold(delivery, redeliveriesOf(delivery)));
    for (const delivery of this.#heldBehind(successors))
      successors.push(this.#endHold(delivery, delivery.redeliveries));
    successors.sort((a, b) => a.sequence - b.sequence);
    this.#restore(successors);
    this.#wakeSoon();
  }

  /** Not at once: whoever gives one delivery back may have more to give, or a whole connection to take down. */
  #wakeSoon(): void {
    if (this.#wakingSoon) return;
    this.#wakingSoon = true;
    queueMicrotask(() => {
      this.#wakingSoon = false;
      this.wake();
    });
  }

  #restore(deliveries: readonly MemoryDelivery[]): void {
    this.#backlog.restore(deliveries);
    for (const delivery of deliveries) {
      delivery.state = "waiting";
      this.#watchExpiry(delivery);
    }
  }

  /** When one message goes back, so do the later ones of its key: kept, they would overtake it. */
  #heldBehind(deliveries: readonly MemoryDelivery[]): MemoryDelivery[] {
    if (!this.nature.ordered) return [];
    const first = new Map<object | undefined, number>();
    for (const { keyPartition, sequence } of deliveries) {
      first.set(keyPartition, Math.min(sequence, first.get(keyPartition) ?? sequence));
    }
    return [...this.#leases].filter(
      ({ keyPartition, sequence }) => sequence > (first.get(keyPartition) ?? sequence),
    );
  }

  #endHold(delivery: MemoryDelivery, redeliveries: number): MemoryDelivery {
    this.#endLease(delivery);
    delivery.state = "over";
    return delivery.successor(redeliveries);
  }

  #endLease(delivery: MemoryDelivery): void {
    this.#leases.end(delivery);
    (delivery.holder as QueueMember).heldBytes -= delivery.message.bytes;
  }

  #enqueue(delivery: MemoryDelivery): void {
    delivery.state = "waiting";
    this.#backlog.add(delivery);
    this.#watchExpiry(delivery);
  }

  #delay(delivery: MemoryDelivery, until: number): void {
    delivery.state = "delayed";
    this.#due.add(delivery, Math.min(until, delivery.droppedAt ?? until));
  }

  #watchExpiry(delivery: MemoryDelivery): void {
    if (delivery.droppedAt !== undefined) this.#due.add(delivery, delivery.droppedAt);
  }

  #onDue(deliveries: readonly MemoryDelivery[]): void {
    const now = this.#settings.clock.now();
    for (const delivery of deliveries) {
      const parked = delivery.keyPartition !== undefined;
      if (delivery.state === "waiting") {
        this.#backlog.remove(delivery);
        this.#forget(delivery);
      } else if (!delivery.hasExpired(now)) {
        if (parked) this.#restore([delivery]);
        else this.#enqueue(delivery);
      } else if (parked) {
        this.#finish(delivery);
      } else {
        this.#forget(delivery);
      }
    }
    this.wake();
  }

  #finish(delivery: MemoryDelivery): void {
    this.#backlog.finish(delivery);
    this.#forget(delivery);
    // Its key may be free now, for someone who waits.
    if (this.#waiting.size > 0 && this.#backlog.size > 0) this.#wakeSoon();
  }

  #forget(delivery: MemoryDelivery): void {
    delivery.state = "over";
    this.#messages--;
    this.#bytes -= delivery.message.bytes;
  }
}
