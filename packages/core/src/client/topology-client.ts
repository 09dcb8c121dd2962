import type { ConsumerRef } from "../api/redrive.ts";
import type { TopologyClient, TopologyReport, TopologySubject } from "../api/topology.ts";
import type { Names } from "../connection/names.ts";
import type { TopologyKeeper } from "../connection/topology-keeper.ts";
import { checkFilter } from "../consuming/filter.ts";
import { startPosition } from "../consuming/start-position.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import { checkConsumerRef } from "../policies/dead-letter.ts";
import type { Clock } from "../runtime/clock.ts";
import { unlessAborted } from "../runtime/unless-aborted.ts";
import type { Address } from "../spi/address.ts";
import type { Call } from "../spi/call.ts";
import type { Feature } from "../spi/capabilities.ts";
import type { Driver } from "../spi/driver.ts";
import { normalise } from "../spi/normalise.ts";
import type { Topology, TopologyItem, TopologyState } from "../spi/topology.ts";
import { givenUp } from "../spi/unless-given-up.ts";

export interface TopologyClientContext {
  readonly driver: Driver;
  readonly names: Names;
  readonly keeper: TopologyKeeper;
  readonly clock: Clock;
  /** Fires when the client closes. */
  readonly signal: AbortSignal;
  checkOpen(): void;
  checkContract(contract: unknown, kind: "topic" | "queue"): void;
  /** These are gone, or may be. */
  readonly onRemoved: (address: Address) => void;
}

/** How long a broker may take for topology, in milliseconds: for the call, and more for each item of it. */
const answerMs = 60_000;
const answerPerItemMs = 2_000;

/** `client.topology`: what the application makes, looks at and takes away by itself. */
export class BrokerTopologyClient implements TopologyClient<Feature> {
  readonly #context: TopologyClientContext;

  constructor(context: TopologyClientContext) {
    this.#context = context;
  }

  async declare(...subjects: readonly TopologySubject<Feature>[]): Promise<void> {
    const items = this.#items(subjects);
    await this.#ask(items.length, (topology, call) => topology.ensure(items, call));
    for (const { address } of items) this.#context.keeper.made(address);
  }

  async inspect(...subjects: readonly TopologySubject<Feature>[]): Promise<readonly TopologyReport[]> {
    return this.#look(this.#items(subjects).map(({ address }) => address));
  }

  async remove(...subjects: readonly TopologySubject<Feature>[]): Promise<void> {
    const addresses = this.#items(subjects).map(({ address }) => address);
    await this.#ask(addresses.length, (topology, call) => topology.remove(addresses, call));
    for (const address of addresses) this.#context.onRemoved(address);
  }

  async #look(addresses: readonly Address[]): Promise<readonly TopologyReport[]> {
    return (await this.states(addresses)).map(({ address, exists, differences, backlog }) => ({
      kind: address.kind as TopologyReport["kind"],
      name: address.name,
      group: address.group,
      brokerName: address.brokerName,
      exists,
      differences,
      backlog,
    }));
  }

  /** As the driver tells it. */
  states(addresses: readonly Address[]): Promise<readonly TopologyState[]> {
    return this.#ask(addresses.length, (topology, call) => topology.inspect(addresses, call));
  }

  async #ask<T>(items: number, question: (topology: Topology, call: Call) => Promise<T>): Promise<T> {
    const { keeper, signal, driver, clock } = this.#context;
    const giveUp = new AbortController();
    const timer = clock.setTimeout(() => giveUp.abort(givenUp(signal)), answerMs + items * answerPerItemMs);
    const over = AbortSignal.any([signal, giveUp.signal]);
    try {
      const topology = await unlessAborted(keeper.topology(), over);
      return await unlessAborted(question(topology, { signal: over }), over);
    } catch (cause) {
      throw normalise(driver, cause);
    } finally {
      clock.clearTimeout(timer);
    }
  }

  /** The address of a queue or of a topic's group. */
  consumed(from: ConsumerRef): Address {
    const { names, checkContract } = this.#context;
    return readable("The consumer that was named", () => {
      checkConsumerRef(from);
      if ("queue" in from) {
        checkOptionNames("a queue to consume", from, ["queue"]);
        checkContract(from.queue, "queue");
        return names.destination(from.queue);
      }
      checkOptionNames("a group to consume", from, ["topic", "group"]);
      checkContract(from.topic, "topic");
      return names.group(from.topic, from.group);
    });
  }

  #items(subjects: readonly TopologySubject<Feature>[]): TopologyItem[] {
    this.#context.checkOpen();
    return subjects.map((subject) => readable("The subject", () => this.#item(subject)));
  }

  #item(subject: TopologySubject<Feature>): TopologyItem {
    const { driver, names, checkContract } = this.#context;
    if (typeof subject !== "object" || subject === null)
      throw new MessagingError("INVALID_ARGUMENT", "The subject is neither a contract nor a group.", {
        remedy: "Pass what topic() or queue() made, or `{ topic, group }`.",
      });
    if ("kind" in subject) {
      checkContract(subject, subject.kind === "topic" ? "topic" : "queue");
      return { address: names.destination(subject), start: { from: "latest" }, filter: undefined };
    }
    checkOptionNames("a group", subject, ["topic", "group", "start", "filter"]);
    const { topic, group, start, filter } = subject;
    checkContract(topic, "topic");
    if (filter !== undefined) checkFilter(filter, driver);
    return {
      address: names.group(topic, group),
      start: startPosition(start, topic, "groupStart", driver),
      filter: driver.capabilities.features.filters?.how === "native" ? filter : undefined,
    };
  }
}
