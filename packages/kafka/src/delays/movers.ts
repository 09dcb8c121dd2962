import type { Address } from "@waybill/core/spi";
import { type ConsumerContext, exists } from "../consumer.ts";
import { delayGroupId, delayTopic } from "../naming.ts";
import type { Publisher } from "../publishing/publisher.ts";
import { Mover } from "./mover.ts";

const backoff = { firstMs: 2_000, mostMs: 60_000 };

interface Shared {
  users: number;
  mover: Mover | undefined;
  awaited: boolean;
}

/** One mover for each topic or queue that this connection consumes, shared by its consumers. */
export class Movers {
  readonly #context: ConsumerContext;
  readonly #publisher: Publisher;
  readonly #shared = new Map<string, Shared>();

  constructor(context: ConsumerContext, publisher: Publisher) {
    this.#context = context;
    this.#publisher = publisher;
  }

  /** Resolves with how to give it back. */
  async use(address: Address): Promise<() => Promise<void>> {
    const topic = delayTopic(address);
    const shared = this.#shared.get(topic) ?? { users: 0, mover: undefined, awaited: false };
    this.#shared.set(topic, shared);
    shared.users++;
    let used = true;
    const release = async () => {
      if (!used) return;
      used = false;
      if (--shared.users > 0) return;
      if (this.#shared.get(topic) === shared) this.#shared.delete(topic);
      await shared.mover?.close();
    };
    try {
      await this.#start(topic, shared, address);
    } catch (cause) {
      await release();
      throw cause;
    }
    void this.#await(topic, shared, address);
    return release;
  }

  async #start(topic: string, shared: Shared, address: Address): Promise<void> {
    // A topic that others made may have no delay topic; until it has, nobody can delay messages to it either.
    if (shared.mover !== undefined || !(await exists(this.#context.control, topic)) || shared.users === 0)
      return;
    const task = { groupId: delayGroupId(address), delayTopic: topic, home: address.brokerName };
    shared.mover ??= new Mover(this.#context, this.#publisher, task, () => {
      shared.mover = undefined;
      void this.#await(topic, shared, address);
    });
  }

  /** Until there is a mover: its topic may be made later, or be heard of later by the broker that was asked. */
  async #await(topic: string, shared: Shared, address: Address): Promise<void> {
    if (shared.awaited) return;
    shared.awaited = true;
    for (
      let waitMs = backoff.firstMs;
      shared.users > 0 && shared.mover === undefined;
      waitMs = Math.min(backoff.mostMs, waitMs * 2)
    ) {
      await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
      try {
        await this.#start(topic, shared, address);
      } catch (cause) {
        this.#context.report(cause);
      }
    }
    shared.awaited = false;
  }
}
