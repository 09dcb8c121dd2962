import { setTimeout as sleep } from "node:timers/promises";
import {
  type Address,
  type Call,
  delayTierHoldsMs,
  retryTransient,
  type Topology,
  type TopologyItem,
  type TopologyState,
} from "@waybill/core/spi";
import { topicExists } from "./client/topic-exists.ts";
import { errorType, isTransient } from "./errors.ts";
import { declareOffsets } from "./groups/offsets.ts";
import { delayGroupId, delayTopic, groupId, retryTopic } from "./naming.ts";
import type { ConsumerContext } from "./receiving/consumer-context.ts";
import { makeInbox } from "./replies/inbox.ts";

const fromTheBeginning = { from: "earliest" } as const;

/** Topics, and the offsets that stand for groups. */
export class KafkaTopology implements Topology {
  readonly #context: ConsumerContext;

  constructor(context: ConsumerContext) {
    this.#context = context;
  }

  async ensure(items: readonly TopologyItem[], call: Call): Promise<void> {
    for (const item of items) await this.#retryTransient(call, () => this.#ensure(item));
  }

  async inspect(addresses: readonly Address[], call: Call): Promise<readonly TopologyState[]> {
    return Promise.all(addresses.map((address) => this.#retryTransient(call, () => this.#inspect(address))));
  }

  async remove(addresses: readonly Address[], call: Call): Promise<void> {
    for (const address of addresses) await this.#retryTransient(call, () => this.#remove(address));
  }

  #retryTransient<T>({ signal }: Call, work: () => Promise<T>): Promise<T> {
    const { settings, signal: closed } = this.#context;
    return retryTransient(work, {
      timeoutMs: settings.requestTimeoutMs,
      isTransient,
      signal: AbortSignal.any([signal, closed]),
    });
  }

  async #ensure({ address, start }: TopologyItem): Promise<void> {
    const { control, settings } = this.#context;
    if (address.kind === "inbox") return makeInbox(this.#context, address.brokerName);
    const count = await this.#topic(address.brokerName, settings.partitions, settings.topicConfig);
    await this.#topic(delayTopic(address), delayTierHoldsMs.length, {
      ...settings.topicConfig,
      "cleanup.policy": "delete",
      // One clock for what enters a tier, so that its order is that of time.
      "message.timestamp.type": "LogAppendTime",
    });
    if (address.kind === "queue") {
      await declareOffsets(control, groupId(address), address.brokerName, fromTheBeginning);
    }
    if (address.kind === "group") {
      const retries = retryTopic(address);
      const had = await this.#topic(retries, count, settings.topicConfig);
      // A key must have one partition number in both, and so one member.
      if (had < count) await control.createPartitions(retries, count);
      await declareOffsets(control, groupId(address), retries, fromTheBeginning);
      await declareOffsets(control, groupId(address), address.brokerName, start);
    }
  }

  /** Makes a topic if it is not there. Resolves with its number of partitions. */
  async #topic(name: string, partitions: number, config: Readonly<Record<string, string>>): Promise<number> {
    const { control, settings } = this.#context;
    if (!(await topicExists(control, name))) {
      const { replicationFactor } = settings;
      await control.createTopic({ name, partitions, replicationFactor, config });
      // Leaders are named before they serve; a publish should not run into that.
      const all = [...(await control.leaders(name)).keys()];
      await retryTransient(() => control.listOffsets(name, all, "latest"), {
        timeoutMs: settings.requestTimeoutMs,
        isTransient,
        signal: this.#context.signal,
      });
    }
    return (await control.leaders(name)).length;
  }

  async #inspect(address: Address): Promise<TopologyState> {
    const { control } = this.#context;
    if (!(await topicExists(control, address.brokerName))) return { address, exists: false, differences: [] };
    if (address.kind === "inbox") return { address, exists: true, differences: [] };
    const differences: string[] = [];
    if (!(await topicExists(control, delayTopic(address)))) {
      differences.push(`The topic "${delayTopic(address)}" for delayed messages is missing.`);
    }
    if (address.kind === "topic") return { address, exists: true, differences };
    const isQueue = address.kind === "queue";
    const main = await this.#backlog(groupId(address), address.brokerName, isQueue);
    let backlog = main ?? 0;
    if (address.kind === "group") {
      const retries = retryTopic(address);
      if (await topicExists(control, retries))
        backlog += (await this.#backlog(groupId(address), retries, false)) ?? 0;
      else differences.push(`The topic "${retries}" for the group's retries is missing.`);
    }
    return { address, exists: isQueue || main !== undefined, differences, backlog };
  }

  /** How many messages a group has before it; `undefined` if it has no place in the topic, unless it would begin with the first. */
  async #backlog(group: string, topic: string, fromEarliest: boolean): Promise<number | undefined> {
    const { control } = this.#context;
    const partitions = [...(await control.leaders(topic)).keys()];
    const committed = await control.committedOffsets(group, topic, partitions);
    if (!fromEarliest && [...committed.values()].every((offset) => offset < 0)) return undefined;
    const starts = await control.listOffsets(topic, partitions, "earliest");
    const ends = await control.listOffsets(topic, partitions, "latest");
    let backlog = 0;
    for (const partition of partitions) {
      const from = Math.max(committed.get(partition) ?? -1, starts.get(partition) ?? 0);
      backlog += Math.max(0, (ends.get(partition) ?? 0) - from);
    }
    return backlog;
  }

  async #remove(address: Address): Promise<void> {
    const { control } = this.#context;
    if (address.kind === "group") {
      // First, since it refuses while the group has members.
      await control.deleteGroup(groupId(address));
      await this.#deleteTopic(retryTopic(address));
      return;
    }
    await this.#deleteTopic(address.brokerName);
    if (address.kind === "inbox") return;
    await this.#deleteTopic(delayTopic(address));
    await this.#forgetGroup(delayGroupId(address));
    if (address.kind === "queue") await this.#forgetGroup(groupId(address));
    if (address.kind === "topic") {
      const names = await control.topicNames();
      const retries = names.filter(
        (name) => name.startsWith(`${address.brokerName}..`) && name.endsWith("..retry"),
      );
      for (const name of retries) await this.#deleteTopic(name);
    }
  }

  /** Resolves when it is gone for those who ask, too. */
  async #deleteTopic(name: string): Promise<void> {
    const { control, settings } = this.#context;
    if (!(await topicExists(control, name))) return;
    await control.deleteTopic(name);
    const deadline = performance.now() + settings.requestTimeoutMs;
    while ((await topicExists(control, name)) && performance.now() < deadline) {
      await sleep(50);
    }
  }

  /** A group without its topic has no offsets left; if it still has members, it goes with the last of them. */
  async #forgetGroup(id: string): Promise<void> {
    try {
      await this.#context.control.deleteGroup(id);
    } catch (error) {
      if (errorType(error) !== "NON_EMPTY_GROUP") throw error;
    }
  }
}
