import { setTimeout as sleep } from "node:timers/promises";
import type { ConsumerContext } from "../consumer.ts";
import { isMissing } from "../errors.ts";
import type { Publisher } from "../publishing/publisher.ts";
import { Mover } from "./mover.ts";

/** When to look again, where a mover has ended or there is nothing to move yet. */
const againMs = 2_000;

/** The mover of this connection, which its consumers share. */
export class Movers {
  readonly #context: ConsumerContext;
  readonly #publisher: Publisher;
  #users = 0;
  #mover: Mover | undefined;
  #starting: Promise<void> | undefined;
  #isTryingAgain = false;

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
        if (isMissing(cause)) return undefined;
        throw cause;
      },
    );
    if (this.#users === 0 || this.#context.isClosed()) return;
    // Hubs that others made may come without it; as soon as it is there messages may wait in it.
    if (rungs === undefined) return void this.#tryAgain();
    const mover = new Mover(this.#context, store, this.#publisher, rungs, () => {
      // It may have been given up, and another begun, while it was ending.
      if (this.#mover === mover) this.#mover = undefined;
      void this.#tryAgain();
    });
    this.#mover = mover;
  }

  async #tryAgain(): Promise<void> {
    if (this.#isTryingAgain) return;
    this.#isTryingAgain = true;
    while (this.#mover === undefined && this.#users > 0 && !this.#context.isClosed()) {
      await sleep(againMs, undefined, { ref: false });
      await this.#start().catch((cause: unknown) => this.#context.report(cause));
    }
    this.#isTryingAgain = false;
  }
}
