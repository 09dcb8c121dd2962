import { setTimeout as sleep } from "node:timers/promises";
import type { ConsumerContext } from "../consumer.ts";
import { isMissing } from "../errors.ts";
import type { Publisher } from "../publishing/publisher.ts";
import { Mover } from "./mover.ts";

const restartMs = 2_000;

/** The mover of this connection, which its consumers share. */
export class Movers {
  readonly #context: ConsumerContext;
  readonly #publisher: Publisher;
  #users = 0;
  #mover: Mover | undefined;
  #starting: Promise<void> | undefined;

  constructor(context: ConsumerContext, publisher: Publisher) {
    this.#context = context;
    this.#publisher = publisher;
  }

  /** Resolves with how to give it back. */
  async use(): Promise<() => Promise<void>> {
    this.#users++;
    let used = true;
    const release = async () => {
      if (!used) return;
      used = false;
      if (--this.#users > 0) return;
      const mover = this.#mover;
      this.#mover = undefined;
      await mover?.close();
    };
    try {
      await this.#start();
    } catch (cause) {
      await release();
      throw cause;
    }
    return release;
  }

  async #start(): Promise<void> {
    this.#starting ??= this.#open().finally(() => {
      this.#starting = undefined;
    });
    await this.#starting;
  }

  async #open(): Promise<void> {
    const { amqp, store, settings } = this.#context;
    if (this.#mover !== undefined || store === undefined) return;
    const rungs = await amqp.hub(settings.delayHub).then(
      ({ partitionIds }) => partitionIds,
      (cause: unknown) => {
        // Hubs that others made may come without it; then nobody can delay messages either.
        if (isMissing(cause)) return undefined;
        throw cause;
      },
    );
    if (rungs === undefined || this.#users === 0 || this.#context.isClosed()) return;
    this.#mover = new Mover(this.#context, store, this.#publisher, rungs, () => {
      this.#mover = undefined;
      void this.#restart();
    });
  }

  async #restart(): Promise<void> {
    while (this.#users > 0 && !this.#context.isClosed()) {
      await sleep(restartMs);
      try {
        return await this.#start();
      } catch (cause) {
        this.#context.report(cause);
      }
    }
  }
}
