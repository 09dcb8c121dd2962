import type { PublishOutcome, StartPosition, WireMessage } from "@waybill/core/spi";
import { stored } from "@waybill/core/spi";
import { overloaded, removed } from "../errors.ts";
import { encode } from "../mapping.ts";
import { DeliveryQueue, type QueueNature, type QueueSettings } from "./delivery-queue.ts";
import { matches } from "./filter.ts";
import { MessageLog, type Retention } from "./message-log.ts";

const unrouted: PublishOutcome = Object.freeze({ ok: true, unrouted: true });

/** Every group gets every message, and so does every ephemeral subscription. */
export class Topic {
  readonly groups = new Map<string, DeliveryQueue>();
  readonly #settings: QueueSettings & Retention;
  /** Groups and subscriptions: all that a message is routed to. */
  readonly #outlets = new Set<DeliveryQueue>();
  #log: MessageLog | undefined;
  #nextPosition = 0;

  constructor(settings: QueueSettings & Retention) {
    this.#settings = settings;
  }

  get outlets(): Iterable<DeliveryQueue> {
    return this.#outlets;
  }

  get retained(): boolean {
    return this.#log !== undefined;
  }

  /** Keeps what is published from now on. */
  retain(): void {
    this.#log ??= new MessageLog(this.#settings);
  }

  /** Gives the message to all or, if one has no room, to none. */
  publish(wire: WireMessage, now: number): PublishOutcome {
    const message = encode(wire, this.#nextPosition, now);
    let routed = this.retained;
    for (const outlet of this.#outlets) {
      if (!matches(outlet.nature.filter, message.headers)) continue;
      if (!outlet.hasRoomFor(message)) return { ok: false, cause: overloaded(outlet.nature.title) };
      routed = true;
    }
    this.#nextPosition++;
    this.#log?.append(message);
    for (const outlet of this.#outlets) {
      if (matches(outlet.nature.filter, message.headers)) outlet.put(message, now);
    }
    if (!routed) return unrouted;
    return this.retained ? { ok: true, position: String(message.position) } : stored;
  }

  wake(): void {
    for (const outlet of this.#outlets) outlet.wake();
  }

  addGroup(name: string, nature: QueueNature, start: StartPosition): void {
    this.groups.set(name, this.addSubscription(nature, start));
  }

  removeGroup(name: string): void {
    const group = this.groups.get(name);
    if (group === undefined) return;
    this.groups.delete(name);
    this.removeSubscription(group);
  }

  /** For one consumer, which takes it away when it ends. */
  addSubscription(nature: QueueNature, start: StartPosition): DeliveryQueue {
    const past = this.#log?.from(start) ?? [];
    const outlet = new DeliveryQueue(nature, this.#settings);
    const now = this.#settings.clock.now();
    for (const message of past) {
      if (matches(nature.filter, message.headers)) outlet.put(message, now);
    }
    this.#outlets.add(outlet);
    return outlet;
  }

  removeSubscription(subscription: DeliveryQueue): void {
    this.#outlets.delete(subscription);
    subscription.end(removed(subscription.nature.title));
  }

  /** The topic is no more, nor are its groups. */
  end(): void {
    for (const outlet of this.#outlets) outlet.end(removed(outlet.nature.title));
    this.#outlets.clear();
    this.groups.clear();
  }
}
