import {
  type Address,
  type Call,
  MessagingError,
  type StartPosition,
  type Topology,
  type TopologyItem,
  type TopologyState,
} from "@waybill/core/spi";
import { nativeFilter } from "./client/filters.ts";
import type { Service, Subscription, Topic } from "./client/service.ts";
import { deadId, returnsId, returnsOf, subscriptionId } from "./naming.ts";
import type { Settings } from "./options.ts";

/** The longest that a topic keeps messages: nothing is older. */
const oldestMs = 31 * 86_400_000;

/** Topics, queues and groups as topics and subscriptions. */
export class GooglePubsubTopology implements Topology {
  readonly #service: Service;
  readonly #settings: Settings;

  constructor(service: Service, settings: Settings) {
    this.#service = service;
    this.#settings = settings;
  }

  async ensure(items: readonly TopologyItem[], { signal }: Call): Promise<void> {
    await Promise.all(items.map((item) => this.#ensure(item, signal)));
  }

  inspect(addresses: readonly Address[], { signal }: Call): Promise<readonly TopologyState[]> {
    return Promise.all(addresses.map((address) => this.#inspect(address, signal)));
  }

  async remove(addresses: readonly Address[], { signal }: Call): Promise<void> {
    await Promise.all(addresses.map((address) => this.#remove(address, signal)));
  }

  async #ensure(item: TopologyItem, signal: AbortSignal): Promise<void> {
    const { address } = item;
    if (address.kind === "inbox") return this.#ensureTopic(this.#settings.replyTopic, false, signal);
    if (address.kind === "topic") return this.#ensureTopic(address.brokerName, address.retained, signal);
    const returns = returnsId(address);
    await Promise.all([
      this.#ensureTopic(address.brokerName, address.retained, signal),
      this.#ensureTopic(returns, false, signal),
      ...(this.#settings.deliveryLimit === undefined ? [] : [this.#ensureDead(address, signal)]),
    ]);
    const wanted = this.#subscription(item);
    const waiting = { ...wanted, ...this.#named(returns, returns) };
    if (item.start.from === "latest") {
      await Promise.all([
        this.#ensureSubscription(wanted, signal),
        this.#ensureSubscription({ ...waiting, filter: "" }, signal),
      ]);
      return;
    }
    // Made last, it tells that the group has found its start: who dies in between leaves that to the next.
    const begun = await this.#service.subscription(waiting.name, signal);
    const isNew = await this.#ensureSubscription(wanted, signal);
    if (isNew || begun === undefined) await this.#service.seek(wanted.name, timeOf(item.start), signal);
    await this.#ensureSubscription({ ...waiting, filter: "" }, signal);
  }

  /** What the service gives up goes to the queue that core would dead-letter to. */
  async #ensureDead(address: Address, signal: AbortSignal): Promise<void> {
    const id = deadId(address);
    await this.#ensureTopic(id, false, signal);
    const { exactlyOnce: enableExactlyOnceDelivery } = this.#settings;
    const subscription = { ...this.#named(id, id), ...this.#lasting(), enableExactlyOnceDelivery };
    await this.#service.createSubscription(subscription, signal);
  }

  async #ensureTopic(id: string, retained: boolean, signal: AbortSignal): Promise<void> {
    const name = this.#service.topicPath(id);
    const topic: Topic = retained
      ? { name, messageRetentionDuration: seconds(this.#settings.retentionMs) }
      : { name };
    if ((await this.#service.createTopic(topic, signal)) || !retained) return;
    const found = await this.#service.topic(name, signal);
    if (found === undefined || keptMs(found) >= this.#settings.retentionMs) return;
    await this.#service.updateTopic(topic, ["message_retention_duration"], signal);
  }

  /** True: it was made now. */
  async #ensureSubscription(wanted: Subscription & { name: string }, signal: AbortSignal): Promise<boolean> {
    if (await this.#service.createSubscription(wanted, signal)) return true;
    const found = await this.#service.subscription(wanted.name, signal);
    const differences = found === undefined ? [] : differencesOf(found, wanted);
    if (differences.length === 0) return false;
    throw new MessagingError(
      "TOPOLOGY_MISMATCH",
      `The subscription "${idOf(wanted.name)}" differs: ${differences.join(" ")}`,
      {
        remedy:
          "Delete the subscription, with the messages in it, or rename the group: the service cannot change this.",
        details: { subscription: wanted.name, differences },
      },
    );
  }

  #named(id: string, topic: string) {
    return { name: this.#service.subscriptionPath(id), topic: this.#service.topicPath(topic) };
  }

  /** Left alone, the service deletes a subscription after 31 days without a consumer. */
  #lasting() {
    const { leaseMs } = this.#settings;
    return { ackDeadlineSeconds: Math.max(10, Math.ceil(leaseMs / 1_000)), expirationPolicy: {} };
  }

  #subscription({ address, filter }: TopologyItem) {
    const { exactlyOnce, deliveryLimit } = this.#settings;
    const deadLetterTopic = this.#service.topicPath(deadId(address));
    return {
      ...this.#named(subscriptionId(address), address.brokerName),
      ...this.#lasting(),
      enableMessageOrdering: address.ordered,
      enableExactlyOnceDelivery: exactlyOnce,
      ...(filter === undefined ? {} : { filter: nativeFilter(filter) }),
      ...(deliveryLimit === undefined
        ? {}
        : { deadLetterPolicy: { deadLetterTopic, maxDeliveryAttempts: deliveryLimit } }),
    } satisfies Subscription;
  }

  async #inspect(address: Address, signal: AbortSignal): Promise<TopologyState> {
    const service = this.#service;
    const id = address.kind === "inbox" ? this.#settings.replyTopic : address.brokerName;
    const topic = await service.topic(service.topicPath(id), signal);
    if (topic === undefined) return { address, exists: false, differences: [] };
    const differences = address.retained ? this.#retentionDifferences(topic) : [];
    if (address.kind === "topic" || address.kind === "inbox") return { address, exists: true, differences };
    const wanted = this.#subscription({ address, start: { from: "latest" }, filter: undefined });
    const returns = this.#named(returnsId(address), returnsId(address));
    const [main, waiting] = await Promise.all([
      service.subscription(wanted.name, signal),
      service.subscription(returns.name, signal),
    ]);
    if (main === undefined) return { address, exists: false, differences: [] };
    differences.push(...differencesOf(main, wanted));
    if (waiting === undefined)
      differences.push(`There is no subscription "${idOf(returns.name)}" for retries.`);
    return { address, exists: true, differences };
  }

  #retentionDifferences(topic: Topic): string[] {
    const { retentionMs } = this.#settings;
    const kept = keptMs(topic);
    return kept >= retentionMs ? [] : [`It keeps messages for ${kept} ms, not for ${retentionMs} ms.`];
  }

  async #remove(address: Address, signal: AbortSignal): Promise<void> {
    const service = this.#service;
    // Other clients may be waiting for their replies.
    if (address.kind === "inbox") return;
    if (address.kind !== "topic") await this.#removeSubscriptions(subscriptionId(address), signal);
    else {
      const own = service.subscriptionPath(`${address.brokerName}..`);
      const names = await service.subscriptionsOf(service.topicPath(address.brokerName), signal);
      const groups = names.filter((name) => name.startsWith(own));
      await Promise.all(groups.map((name) => this.#removeSubscriptions(idOf(name), signal)));
    }
    if (address.kind !== "group") await service.deleteTopic(service.topicPath(address.brokerName), signal);
  }

  /** A subscription, and the topic and subscription of its returns. */
  async #removeSubscriptions(id: string, signal: AbortSignal): Promise<void> {
    const returns = returnsOf(id);
    await Promise.all([
      this.#service.deleteSubscription(this.#service.subscriptionPath(id), signal),
      this.#service.deleteSubscription(this.#service.subscriptionPath(returns), signal),
    ]);
    await this.#service.deleteTopic(this.#service.topicPath(returns), signal);
  }
}

/** What differs in a way that would break a guarantee. Who asks for no filter, as a publisher of retries, takes any. */
export function differencesOf(found: Subscription, wanted: Subscription): string[] {
  const differences: string[] = [];
  if (found.topic !== wanted.topic)
    differences.push(
      found.topic === "_deleted-topic_"
        ? "Its topic was deleted, and one of the same name is another."
        : `It belongs to the topic "${idOf(found.topic ?? "")}".`,
    );
  if (wanted.enableMessageOrdering === true && found.enableMessageOrdering !== true)
    differences.push("It does not keep order per key.");
  if (wanted.enableExactlyOnceDelivery === true && found.enableExactlyOnceDelivery !== true)
    differences.push("It does not deliver exactly once.");
  if ((found.filter ?? "") !== "" && (wanted.filter ?? found.filter) !== found.filter)
    differences.push(`It has the filter ${JSON.stringify(found.filter)}.`);
  return differences;
}

/** Where a start is, as the service seeks: by the time it stored messages. */
export function timeOf(start: StartPosition): number {
  return start.from === "time" ? start.timestamp : Date.now() - oldestMs;
}

const seconds = (ms: number) => ({ seconds: Math.floor(ms / 1_000), nanos: 0 });
const keptMs = (topic: Topic) => Number(topic.messageRetentionDuration?.seconds ?? 0) * 1_000;
const idOf = (name: string) => name.slice(name.lastIndexOf("/") + 1);
