import { type Clock, type Filter, type PublishOutcome, stored, type WireMessage } from "@waybill/core/spi";
import { overloaded } from "../errors.ts";
import { type StoredMessage, toStored } from "../mapping.ts";
import { type Backlog, PlainBacklog } from "./backlog.ts";
import { MemoryDelivery } from "./delivery.ts";
import { DueTimes } from "./due-times.ts";
import { KeyedBacklog, type Partition } from "./keyed-backlog.ts";
import { Leases } from "./leases.ts";
import type { Member } from "./member.ts";

export interface QueueSettings {
  readonly clock: Clock;
  /** The most messages and bytes it holds, those in hand included. */
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

/**
 * Messages and the members that compete for them. A queue, a topic's group, an
 * ephemeral subscription and an inbox are all one of these.
 *
 * A message in it is delayed, waiting or held, and each of the three has a part
 * that knows when or in which order it moves on: `DueTimes`, `Backlog`, `Leases`.
 */
export class DeliveryQueue {
  readonly nature: QueueNature;
  readonly #settings: QueueSettings;
  readonly #backlog: Backlog;
  /** When to look again at what is delayed, and at what waits but expires. */
  readonly #due: DueTimes<MemoryDelivery>;
  readonly #leases: Leases;
  readonly #members = new Set<Member>();
  /** Members whose `receive` waits, the longest waiting first. */
  readonly #waiting = new Set<Member>();
  #nextPosition = 0;
  #wakingSoon = false;
  #messages = 0;
  #bytes = 0;

  constructor(nature: QueueNature, settings: QueueSettings) {
    this.nature = nature;
    this.#settings = settings;
    this.#backlog = nature.ordered ? new KeyedBacklog() : new PlainBacklog();
    this.#due = new DueTimes(settings.clock, (deliveries) => this.#onDue(deliveries));
    this.#leases = new Leases(settings.clock, (expired) => this.#takeBack(expired, true));
  }

  /** Messages not in anyone's hand, delayed ones included. */
  get backlog(): number {
    return this.#messages - this.#leases.size;
  }

  get held(): number {
    return this.#leases.size;
  }

  get members(): ReadonlySet<Member> {
    return this.#members;
  }

  publish(wire: WireMessage, now: number): PublishOutcome {
    const message = toStored(wire, this.#nextPosition, now);
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

  /** Hands out to the members that wait, each a fair share. */
  wake(): void {
    for (const member of this.#waiting) {
      if (this.#backlog.size === 0) return;
      member.offer(Math.ceil(this.#backlog.size / this.#waiting.size));
    }
  }

  take(member: Member, max: number): MemoryDelivery[] {
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
    this.#leases.end(delivery);
    this.#finish(delivery);
  }

  /** To the end of the queue, once the delay is over; with a key to where it was, and its key waits for it. */
  retry(delivery: MemoryDelivery, delayMs: number): void {
    const successor = this.#endHold(delivery, true);
    if (delivery.keyLane !== undefined) {
      this.#backlog.park(successor);
      this.#takeBack(this.#heldBehind([successor]), false);
    }
    if (delayMs > 0) this.#delay(successor, this.#settings.clock.now() + delayMs);
    else if (delivery.keyLane !== undefined) this.#restore([successor]);
    else this.#enqueue(successor);
    this.#wakeSoon();
  }

  extend(delivery: MemoryDelivery, until: number): void {
    this.#leases.renew(delivery, until);
  }

  join(member: Member): void {
    this.#members.add(member);
  }

  /** Others get what it had in hand. `failed`: it did not part in good order, so that its deliveries count. */
  leave(member: Member, failed: boolean): void {
    this.#members.delete(member);
    this.#waiting.delete(member);
    this.#takeBack(
      [...this.#leases].filter((delivery) => delivery.holder === member),
      failed,
    );
  }

  await(member: Member): void {
    this.#waiting.add(member);
  }

  stopAwaiting(member: Member): void {
    this.#waiting.delete(member);
  }

  /** The queue is no more: its members cannot go on, for this cause. */
  end(cause: unknown): void {
    for (const member of [...this.#members]) member.fail(cause);
    this.#due.clear();
    this.#leases.stop();
  }

  #handOut(delivery: MemoryDelivery, member: Member, now: number): MemoryDelivery {
    if (this.nature.autoAck) {
      this.#finish(delivery);
    } else {
      delivery.state = "held";
      delivery.holder = member;
      this.#leases.grant(delivery, now + member.leaseMs);
    }
    return delivery;
  }

  /** All in one go, so that they come back in their order. */
  #takeBack(deliveries: readonly MemoryDelivery[], failed: boolean): void {
    if (deliveries.length === 0) return;
    const successors = deliveries.map((delivery) => this.#endHold(delivery, failed));
    for (const delivery of this.#heldBehind(successors)) successors.push(this.#endHold(delivery, false));
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
    const first = new Map<Partition | undefined, number>();
    for (const { keyLane, sequence } of deliveries) {
      first.set(keyLane, Math.min(sequence, first.get(keyLane) ?? sequence));
    }
    return [...this.#leases].filter(({ keyLane, sequence }) => sequence > (first.get(keyLane) ?? sequence));
  }

  #endHold(delivery: MemoryDelivery, failed: boolean): MemoryDelivery {
    this.#leases.end(delivery);
    delivery.state = "over";
    return delivery.successor(failed);
  }

  #enqueue(delivery: MemoryDelivery): void {
    delivery.state = "waiting";
    this.#backlog.add(delivery);
    this.#watchExpiry(delivery);
  }

  #delay(delivery: MemoryDelivery, until: number): void {
    delivery.state = "delayed";
    this.#due.add(delivery, Math.min(until, delivery.message.expiresAt ?? until));
  }

  #watchExpiry(delivery: MemoryDelivery): void {
    const { expiresAt } = delivery.message;
    if (expiresAt !== undefined) this.#due.add(delivery, expiresAt);
  }

  #onDue(deliveries: readonly MemoryDelivery[]): void {
    const now = this.#settings.clock.now();
    for (const delivery of deliveries) {
      const parked = delivery.keyLane !== undefined;
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
