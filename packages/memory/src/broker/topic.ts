import {
  eventLoopTurns,
  type PublishOutcome,
  type StartPosition,
  stored,
  type WireMessage,
} from "@waybill/core/spi";
import { overloaded, removed } from "../errors.ts";
import { encode } from "../mapping.ts";
import { DeliveryQueue, type QueueNature, type QueueSettings } from "./delivery-queue.ts";
import { matches } from "./filter.ts";
import { MessageLog, type Retention } from "./message-log.ts";

const unrouted: PublishOutcome = Object.freeze({ ok: true, unrouted: true });

/** How many messages to give to a new subscription before asking whether others have their turn. */
const pastAtOnce = 64;
/** How many microtasks it takes, at most, until what a member was offered has reached its consumer. */
const ticksToTakeIn = 3;

/** Every group gets every message, and so does every ephemeral subscription. */
export class Topic {
  readonly groups = new Map<string, DeliveryQueue>();
  readonly #settings: QueueSettings & Retention;
  /** Groups and subscriptions: all that a message is routed to. */
  readonly #outlets = new Set<DeliveryQueue>();
  #log: MessageLog | undefined;
  #nextPosition = 0;
  #ended = false;
  #waking = false;
  #wakeAgain = false;

  constructor(settings: QueueSettings & Retention) {
    this.#settings = settings;
  }

  get outlets(): Iterable<DeliveryQueue> {
    return this.#outlets;
  }

  /** How many get what is published. */
  get outletCount(): number {
    return this.#outlets.size;
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
    this.#wakeAgain = true;
    if (!this.#waking) void this.#wakeAll();
  }

  /** Who comes meanwhile and finds the group takes part in it. @throws MessagingError `NOT_FOUND` when it is removed meanwhile */
  async addGroup(name: string, nature: QueueNature, start: StartPosition): Promise<void> {
    const group = new DeliveryQueue(nature, this.#settings);
    this.groups.set(name, group);
    await this.#connect(group, start);
  }

  removeGroup(name: string): void {
    const group = this.groups.get(name);
    if (group === undefined) return;
    this.groups.delete(name);
    this.removeSubscription(group);
  }

  /** For one consumer, which takes it away when it ends. @throws MessagingError `NOT_FOUND` when the topic is removed meanwhile */
  async addSubscription(nature: QueueNature, start: StartPosition): Promise<DeliveryQueue> {
    const subscription = new DeliveryQueue(nature, this.#settings);
    await this.#connect(subscription, start);
    return subscription;
  }

  removeSubscription(subscription: DeliveryQueue): void {
    this.#outlets.delete(subscription);
    subscription.end(removed(subscription.nature.title));
  }

  /** The topic is no more, nor are its groups. */
  end(): void {
    this.#ended = true;
    for (const outlet of this.#outlets) outlet.end(removed(outlet.nature.title));
    this.#outlets.clear();
    this.groups.clear();
  }

  /** Gives it the past from there on, and then all that is published: nothing in between is left out. */
  async #connect(outlet: DeliveryQueue, start: StartPosition): Promise<void> {
    let position = this.#log?.find(start);
    while (position !== undefined) {
      const past = this.#log?.read(position, pastAtOnce) ?? [];
      const last = past.at(-1);
      if (last === undefined) break;
      position = last.position + 1;
      const now = this.#settings.clock.now();
      for (const message of past) {
        if (matches(outlet.nature.filter, message.headers)) outlet.put(message, now);
      }
      outlet.wake();
      if (eventLoopTurns.isOver) await eventLoopTurns.next();
      if (this.#ended || outlet.ended !== undefined) throw removed(outlet.nature.title);
    }
    this.#outlets.add(outlet);
  }

  async #wakeAll(): Promise<void> {
    this.#waking = true;
    while (this.#wakeAgain) {
      this.#wakeAgain = false;
      for (const outlet of this.#outlets) {
        if (!outlet.wake()) continue;
        // Whoever got something takes it in first, which counts as well.
        for (let tick = 0; tick < ticksToTakeIn; tick++) await undefined;
        if (eventLoopTurns.isOver) await eventLoopTurns.next();
      }
    }
    this.#waking = false;
  }
}
