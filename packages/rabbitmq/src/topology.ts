import {
  type Address,
  type Call,
  MessagingError,
  type Topology,
  type TopologyItem,
  type TopologyState,
  unlessGivenUp,
} from "@waybill/core/spi";
import type { Replies } from "amqplib";
import type { Control } from "./client/control.ts";
import { adopt, type Difference, differenceIn, isTolerable, sentenceFor } from "./client/inequivalence.ts";
import type { KnownExchanges } from "./client/known-exchanges.ts";
import type { Delays } from "./delays/delays.ts";
import type { Backfill } from "./groups/backfill.ts";
import { deadSpec, type QueueSpec, queueSpec, streamSpec } from "./groups/queue-specs.ts";
import { copyingName, deadSuffix, pastName, queueName, streamName, waitingName } from "./naming.ts";
import type { Settings } from "./options.ts";

/** More settings than any declaration has: a broker that words its refusals anew is not asked for ever. */
const mostDifferences = 16;

const atOnce = 16;

export class RabbitmqTopology implements Topology {
  readonly #control: Control;
  readonly #delays: Delays;
  readonly #backfill: Backfill;
  readonly #exchanges: KnownExchanges;
  readonly #settings: Settings;

  constructor(
    control: Control,
    delays: Delays,
    backfill: Backfill,
    exchanges: KnownExchanges,
    settings: Settings,
  ) {
    this.#control = control;
    this.#delays = delays;
    this.#backfill = backfill;
    this.#exchanges = exchanges;
    this.#settings = settings;
  }

  async ensure(items: readonly TopologyItem[], call: Call): Promise<void> {
    await inTurns(items, (item) => unlessGivenUp(this.#ensureOne(item, call), call.signal));
  }

  async inspect(addresses: readonly Address[], call: Call): Promise<readonly TopologyState[]> {
    return inTurns(addresses, (address) => unlessGivenUp(this.#inspectOne(address), call.signal));
  }

  async remove(addresses: readonly Address[], call: Call): Promise<void> {
    await inTurns(addresses, (address) => unlessGivenUp(this.#removeOne(address), call.signal));
  }

  async #ensureOne(item: TopologyItem, call: Call): Promise<void> {
    const { address } = item;
    switch (address.kind) {
      case "inbox":
        // It belongs to the connection that consumes it, and is made there.
        return;
      case "topic":
        return this.#ensureTopic(address);
      case "queue":
        await this.#ensureQueue(address);
        return this.#delays.bind(address);
      case "group": {
        await this.#ensureTopic(address);
        const join = async () => {
          await this.#ensureQueue(address);
          await this.#control.run((channel) =>
            channel.bindQueue(queueName(address), address.brokerName, "#"),
          );
          await this.#delays.bind(address);
        };
        if (address.retained && item.start.from !== "latest") await this.#backfill.join(item, join, call);
        else await join();
      }
    }
  }

  async #ensureTopic({ brokerName, retained }: Address): Promise<void> {
    await this.#makeExchange(brokerName);
    if (!retained) return;
    await this.#makeQueue(streamSpec(brokerName, this.#settings));
    await this.#control.run((channel) => channel.bindQueue(streamName(brokerName), brokerName, "#"));
  }

  async #ensureQueue(address: Address): Promise<void> {
    const spec = queueSpec(address, this.#settings);
    const dead = spec.options.arguments["x-dead-letter-routing-key"];
    // Before the queue that needs it: a dead-lettered message without a queue to go to waits three minutes for another try.
    if (typeof dead === "string") await this.#makeQueue(deadSpec(dead, this.#settings));
    await this.#makeQueue(spec);
  }

  async #makeQueue(spec: QueueSpec): Promise<void> {
    refuseMismatch(`The queue "${spec.name}"`, await this.#brokenIn(spec));
  }

  /** How the queue differs in a way that breaks a guarantee; it is made if it is not there. */
  async #brokenIn(spec: QueueSpec): Promise<readonly Difference[]> {
    const ofStream = spec.options.arguments["x-queue-type"] === "stream";
    return (await this.#queueDifferences(spec)).filter((difference) => !isTolerable(difference, ofStream));
  }

  async #makeExchange(name: string): Promise<void> {
    refuseMismatch(`The exchange "${name}"`, await this.#exchangeDifferences(name));
    this.#exchanges.add(name);
  }

  /** Declares, and where that is refused again with what exists, until all that differs is known. */
  async #queueDifferences({ name, options }: QueueSpec): Promise<readonly Difference[]> {
    const differences: Difference[] = [];
    let args = options.arguments;
    while (differences.length < mostDifferences) {
      try {
        await this.#control.declareQueue(name, { ...options, arguments: args });
        return differences;
      } catch (cause) {
        const difference = differenceIn(cause);
        if (difference === undefined) throw cause;
        differences.push(difference);
        // Another type has other settings, and these are not arguments at all.
        if (!difference.setting.startsWith("x-") || difference.setting === "x-queue-type") return differences;
        args = adopt(args, difference);
      }
    }
    return differences;
  }

  async #exchangeDifferences(name: string): Promise<readonly Difference[]> {
    try {
      await this.#control.run((channel) => channel.assertExchange(name, "fanout", { durable: true }));
      return [];
    } catch (cause) {
      const difference = differenceIn(cause);
      if (difference === undefined) throw cause;
      return isTolerable(difference, false) ? [] : [difference];
    }
  }

  async #inspectOne(address: Address): Promise<TopologyState> {
    if (address.kind === "topic") return this.#inspectTopic(address);
    if (address.kind === "inbox") {
      const exists = (await this.#control.look(queueName(address))) !== undefined;
      return { address, exists, differences: [] };
    }
    const found = await this.#control.look(queueName(address));
    if (found === undefined) return { address, exists: false, differences: [] };
    const differences = await this.#brokenIn(queueSpec(address, this.#settings));
    return {
      address,
      exists: true,
      differences: differences.map(sentenceFor),
      backlog: found.messageCount,
      // AMQP counts what is ready, and says no more of the rest than that somebody consumes.
      ...(found.consumerCount > 0 ? { unsettled: "unknown" as const } : {}),
    };
  }

  async #inspectTopic(address: Address): Promise<TopologyState> {
    if (!(await this.#control.hasExchange(address.brokerName)))
      return { address, exists: false, differences: [] };
    this.#exchanges.add(address.brokerName);
    const differences = (await this.#exchangeDifferences(address.brokerName)).map(sentenceFor);
    if (address.retained) {
      const stream = streamSpec(address.brokerName, this.#settings);
      if ((await this.#control.look(stream.name)) === undefined) {
        differences.push(`The stream "${stream.name}", which keeps its messages, is missing.`);
      } else differences.push(...(await this.#brokenIn(stream)).map(sentenceFor));
    }
    return { address, exists: true, differences };
  }

  async #removeOne(address: Address): Promise<void> {
    if (address.kind === "topic") {
      this.#exchanges.forget(address.brokerName);
      await this.#control.run(async (channel) => {
        await channel.deleteExchange(address.brokerName);
        await channel.deleteQueue(streamName(address.brokerName));
      });
      return;
    }
    const queue = queueName(address);
    await this.#control.run(async (channel) => {
      await channel.deleteQueue(queue);
      await channel.deleteQueue(pastName(queue));
      await channel.deleteQueue(waitingName(queue));
      await channel.deleteQueue(copyingName(queue));
    });
    // Dead-lettered messages are someone's work: their queue goes when it is removed by name, or when it is empty.
    if (queue.endsWith(deadSuffix)) return;
    if (await this.#isUnused(queue + deadSuffix))
      await this.#control.run((channel) => channel.deleteQueue(queue + deadSuffix));
  }

  /** Whether it is there, nothing is in it, and nobody reads it. */
  async #isUnused(queue: string): Promise<boolean> {
    const isIdle = (found?: Replies.AssertQueue) => found?.messageCount === 0 && found.consumerCount === 0;
    if (!isIdle(await this.#control.look(queue))) return false;
    // The broker counts none as well when the queue's leader is too busy to answer
    // (rabbit_quorum_queue:stat/2 waits 250 ms). A get has no such way out.
    const looking = this.#control.run(async (channel) => {
      const found = await channel.get(queue);
      if (found !== false) channel.nack(found);
      return found === false && isIdle(await channel.checkQueue(queue));
    });
    return (await this.#control.found(() => looking)) ?? false;
  }
}

/** Some at a time: each takes a channel, and a declaration waits for the cluster. */
async function inTurns<T, R>(all: readonly T[], each: (one: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let from = 0; from < all.length; from += atOnce) {
    results.push(...(await Promise.all(all.slice(from, from + atOnce).map(each))));
  }
  return results;
}

function refuseMismatch(what: string, broken: readonly Difference[]): void {
  if (broken.length === 0) return;
  throw new MessagingError(
    "TOPOLOGY_MISMATCH",
    `${what} exists and differs: ${broken.map(sentenceFor).join(" ")}`,
    {
      remedy: "Remove it or change it on the broker, or tell Waybill to take the topology as it is.",
      details: { differences: broken },
    },
  );
}
