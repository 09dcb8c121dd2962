import {
  type Address,
  eventLoopTurns,
  type PublishOutcome,
  type Settlement,
  type Source,
  type WireMessage,
} from "@waybill/core/spi";
import { connectionLost, mismatch, removed, title, unreachable } from "../errors.ts";
import { type BrokerOptions, type BrokerSettings, brokerSettings } from "./broker-options.ts";
import { DeliveryQueue } from "./delivery-queue.ts";
import { sameFilter } from "./filter.ts";
import { Resources } from "./resources.ts";
import { Topic } from "./topic.ts";

/** How often to ask whether others have their turn: after so many messages, counted once for each group. */
const putsBetweenAsking = 32;

/** What the broker does to a connection that fails. */
interface Breakable {
  break(cause: unknown): void;
}

/** Sees what happens on the broker, as it happens. What it throws is printed as a warning, and costs no message. */
export interface BrokerObserver {
  published?(to: Address, batch: readonly WireMessage[], outcomes: readonly PublishOutcome[]): void;
  settled?(from: Address, settlement: Settlement): void;
}

/** The right of a consumer to take from a queue, to be released when it is done. */
export interface Claim {
  readonly queue: DeliveryQueue;
  release(): void;
}

/**
 * The embedded broker: topics with their groups, queues and inboxes, all in this
 * process. Several drivers, and so several clients, can share one.
 */
export class MemoryBroker {
  readonly settings: BrokerSettings;
  readonly resources = new Resources();
  readonly #connections = new Set<Breakable>();
  readonly #observers = new Set<BrokerObserver>();
  #stopped = false;

  /** @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT` */
  constructor(options: BrokerOptions = {}) {
    this.settings = brokerSettings(options);
  }

  /**
   * Stores a batch; one outcome per message, in order. A large one, or one for many groups, takes
   * several turns of the event loop; `checkOpen` throws if the connection is lost meanwhile.
   * @throws MessagingError `NOT_FOUND`
   */
  async publish(
    to: Address,
    batch: readonly WireMessage[],
    checkOpen: () => void,
  ): Promise<readonly PublishOutcome[]> {
    const destination = to.kind === "topic" ? this.resources.topic(to) : this.resources.queue(to);
    const now = this.settings.clock.now();
    const outcomes: PublishOutcome[] = [];
    const failedKeys = new Map<string, PublishOutcome>();
    const outlets = destination instanceof Topic ? destination.outletCount : 1;
    let puts = 0;
    for (const message of batch) {
      if (puts >= putsBetweenAsking) {
        puts = 0;
        if (eventLoopTurns.isOver) {
          await eventLoopTurns.next();
          checkOpen();
        }
      }
      puts += 1 + outlets;
      const { key } = message;
      const failed = key === undefined ? undefined : failedKeys.get(key);
      const outcome = failed ?? destination.publish(message, now);
      // What follows a failed message of its key fails too, or it would be stored before it.
      if (!outcome.ok && key !== undefined) failedKeys.set(key, outcome);
      outcomes.push(outcome);
    }
    this.#tell((observer) => observer.published?.(to, batch, outcomes));
    destination.wake();
    return outcomes;
  }

  /**
   * Lays claim to what is to be consumed. A topic gets a subscription for it and an
   * inbox is made; both are gone with the claim.
   * @throws MessagingError `NOT_FOUND`, `TOPOLOGY_MISMATCH`
   */
  async claim({ address, start, filter }: Source): Promise<Claim> {
    switch (address.kind) {
      case "queue":
      case "group": {
        const queue = this.resources.queue(address);
        if (!sameFilter(filter, queue.nature.filter)) throw mismatch(address, "it has another filter.");
        return { queue, release() {} };
      }
      case "topic": {
        const topic = this.resources.topic(address);
        if (start.from !== "latest" && !topic.retained)
          throw mismatch(address, "it keeps nothing for replay.");
        const nature = { title: `subscription to ${title(address)}`, ordered: address.ordered, filter };
        const queue = await topic.addSubscription(nature, start);
        return { queue, release: () => topic.removeSubscription(queue) };
      }
      case "inbox": {
        const { inboxes } = this.resources;
        if (inboxes.has(address.brokerName)) throw mismatch(address, "it is in use.");
        const queue = new DeliveryQueue(
          { title: title(address), ordered: false, autoAck: true },
          this.settings,
        );
        inboxes.set(address.brokerName, queue);
        return {
          queue,
          release() {
            inboxes.delete(address.brokerName);
            queue.end(removed(title(address)));
          },
        };
      }
    }
  }

  /** Tells of everything that is published and settled from now on. Returns how to stop telling. */
  observe(observer: BrokerObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** For consumers: this was settled. */
  noteSettled(from: Address, settlement: Settlement): void {
    this.#tell((observer) => observer.settled?.(from, settlement));
  }

  /** @throws MessagingError `UNREACHABLE` while the broker is stopped */
  attach(connection: Breakable): void {
    if (this.#stopped) throw unreachable();
    this.#connections.add(connection);
  }

  detach(connection: Breakable): void {
    this.#connections.delete(connection);
  }

  /** Cuts every connection. What their consumers held goes back to the queues at once. */
  disconnect(): void {
    for (const connection of [...this.#connections]) connection.break(connectionLost());
  }

  /** Cuts every connection and takes no new ones until `start`. What was confirmed stays. */
  stop(): void {
    this.#stopped = true;
    this.disconnect();
  }

  start(): void {
    this.#stopped = false;
  }

  restart(): void {
    this.stop();
    this.start();
  }

  #tell(tell: (observer: BrokerObserver) => void): void {
    for (const observer of this.#observers) {
      try {
        tell(observer);
      } catch (cause) {
        console.warn("[waybill] An observer of the embedded broker threw an error.", cause);
      }
    }
  }
}
