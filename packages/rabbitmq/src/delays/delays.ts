import type { Address, WireMessage } from "@waybill/core/spi";
import type { Control } from "../client/control.ts";
import { delayName, dueExchange, queueName, undeliverableName } from "../naming.ts";
import { tierFor } from "./tiers.ts";

const day = 86_400_000;

/** How long a binding that was made counts as there: someone may delete and make the queue again. */
const trustMs = 60_000;

/** Something declared, and until when (by `performance.now`) that is believed; 0 while it is on its way. */
interface Made {
  readonly done: Promise<void>;
  until: number;
}

/**
 * Where delayed messages wait. A message goes, with the name of its destination
 * as routing key, to the queue of its tier; there its time runs out, and the
 * broker dead-letters it to the `due` exchange, which knows every destination by
 * that key. The hop is confirmed inside the broker (`at-least-once`), and what
 * has lost its destination meanwhile goes to the `undeliverable` queue, since
 * there it would hold up all that waits behind it.
 */
export class Delays {
  readonly #control: Control;
  readonly #tiers = new Map<string, Made>();
  readonly #bound = new Map<string, Made>();
  #base: Promise<void> | undefined;

  constructor(control: Control) {
    this.#control = control;
  }

  route(to: Address, delayMs: number): { readonly exchange: string; readonly routingKey: string } {
    return { exchange: delayName(tierFor(delayMs)), routingKey: keyOf(to) };
  }

  /** Sees to it that all is there for these messages; `undefined` if it is known to be. */
  prepare(to: Address, batch: readonly WireMessage[]): Promise<void> | undefined {
    const now = performance.now();
    const waits: Promise<void>[] = [];
    let last = 0;
    for (const { delayMs } of batch) {
      if (delayMs <= 0 || delayMs === last) continue;
      last = delayMs;
      const tier = tierFor(delayMs);
      const made = this.#tiers.get(delayName(tier));
      if (made === undefined) waits.push(this.#declareTier(tier));
      else if (made.until === 0) waits.push(made.done);
    }
    const bound = this.#bound.get(keyOf(to));
    if (bound === undefined || (bound.until !== 0 && bound.until < now)) waits.push(this.bind(to));
    else if (bound.until === 0) waits.push(bound.done);
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
  }

  /** Makes the way back from the delay queues to this address. */
  bind(to: Address): Promise<void> {
    const key = keyOf(to);
    return remember(this.#bound, key, this.#bindKey(key, to), trustMs);
  }

  /** The exchange of a tier, and so its queue, was found to be gone. */
  forget(exchange: string): void {
    this.#tiers.delete(exchange);
  }

  async #bindKey(key: string, to: Address): Promise<void> {
    this.#base ??= this.#declareBase();
    try {
      await this.#base;
    } catch (cause) {
      this.#base = undefined;
      throw cause;
    }
    await this.#control.run((channel) =>
      to.kind === "topic"
        ? channel.bindExchange(to.brokerName, dueExchange, key)
        : channel.bindQueue(queueName(to), dueExchange, key),
    );
  }

  async #declareBase(): Promise<void> {
    await this.#control.run(async (channel) => {
      await Promise.all([
        channel.assertExchange(undeliverableName, "fanout"),
        channel.assertQueue(undeliverableName, {
          messageTtl: 14 * day,
          maxLength: 100_000,
          arguments: { "x-queue-type": "quorum" },
        }),
        channel.bindQueue(undeliverableName, undeliverableName, ""),
        channel.assertExchange(dueExchange, "direct", { alternateExchange: undeliverableName }),
      ]);
    });
  }

  #declareTier(tierMs: number): Promise<void> {
    const name = delayName(tierMs);
    const declaring = this.#control.run(async (channel) => {
      await Promise.all([
        // It goes when its queue does, so that a publish never ends in an exchange without one.
        channel.assertExchange(name, "fanout", { autoDelete: true }),
        channel.assertQueue(name, {
          messageTtl: tierMs,
          deadLetterExchange: dueExchange,
          overflow: "reject-publish",
          arguments: { "x-queue-type": "quorum", "x-dead-letter-strategy": "at-least-once" },
        }),
        channel.bindQueue(name, name, ""),
      ]);
    });
    return remember(this.#tiers, name, declaring, Number.POSITIVE_INFINITY);
  }
}

function remember(
  all: Map<string, Made>,
  name: string,
  done: Promise<void>,
  timeoutMs: number,
): Promise<void> {
  const made: Made = { done, until: 0 };
  all.set(name, made);
  done.then(
    () => {
      made.until = performance.now() + timeoutMs;
    },
    () => {
      if (all.get(name) === made) all.delete(name);
    },
  );
  return done;
}

/** Queues and exchanges have name spaces of their own. */
function keyOf(to: Address): string {
  return to.kind === "topic" ? `t:${to.brokerName}` : `q:${queueName(to)}`;
}
