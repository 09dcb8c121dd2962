import { setTimeout as sleep } from "node:timers/promises";
import type { Address } from "@waybill/core/spi";
import { type ConsumerContext, exists } from "../consumer.ts";
import { delayGroupId, delayTopic } from "../naming.ts";
import type { Publisher } from "../publishing/publisher.ts";
import { Mover } from "./mover.ts";

const restartMs = 2_000;

interface Shared {
  users: number;
  mover: Mover | undefined;
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
    const shared = this.#shared.get(topic) ?? { users: 0, mover: undefined };
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
    return release;
  }

  async #start(topic: string, shared: Shared, address: Address): Promise<void> {
    // A topic that others made may have no delay topic; then nobody can delay messages to it either.
    if (shared.mover !== undefined || !(await exists(this.#context.control, topic)) || shared.users === 0)
      return;
    const task = { groupId: delayGroupId(address), delayTopic: topic, home: address.physical };
    shared.mover ??= new Mover(this.#context, this.#publisher, task, () => {
      shared.mover = undefined;
      void this.#restart(topic, shared, address);
    });
  }

  async #restart(topic: string, shared: Shared, address: Address): Promise<void> {
    while (shared.users > 0) {
      await sleep(restartMs);
      try {
        return await this.#start(topic, shared, address);
      } catch (cause) {
        this.#context.report(cause);
      }
    }
  }
}
