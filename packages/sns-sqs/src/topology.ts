import {
  CreateTopicCommand,
  DeleteTopicCommand,
  GetSubscriptionAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  SubscribeCommand,
  type Subscription,
  UnsubscribeCommand,
} from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  type QueueAttributeName,
  SetQueueAttributesCommand,
} from "@aws-sdk/client-sqs";
import {
  type Address,
  type Call,
  MessagingError,
  type Topology,
  type TopologyItem,
  type TopologyState,
} from "@waybill/core/spi";
import type { Clients } from "./clients.ts";
import { isAwsError } from "./errors.ts";
import { isGroupQueue, otherKind, queueName, topicName } from "./naming.ts";
import type { Settings } from "./options.ts";
import type { Places } from "./places.ts";
import { allows, policyFor, withStatementFor } from "./queue-policy.ts";
import type { TemporaryQueues } from "./temporary-queues.ts";

type QueueAttributes = Partial<Record<QueueAttributeName, string>>;

/** SQS refuses the name of a removed queue for a minute. */
const deletedRecentlyMs = 65_000;
const defaultTopicBytes = 262_144;

/** Topics at SNS, a queue at SQS for each queue and group, and what joins them. */
export class AwsTopology implements Topology {
  readonly #clients: Clients;
  readonly #places: Places;
  readonly #temporary: TemporaryQueues;
  readonly #settings: Settings;

  constructor(clients: Clients, places: Places, temporary: TemporaryQueues, settings: Settings) {
    this.#clients = clients;
    this.#places = places;
    this.#temporary = temporary;
    this.#settings = settings;
  }

  async ensure(items: readonly TopologyItem[], call: Call): Promise<void> {
    for (const { address } of items) await this.#ensure(address, call);
  }

  inspect(addresses: readonly Address[], call: Call): Promise<readonly TopologyState[]> {
    return Promise.all(addresses.map((address) => this.#inspect(address, call)));
  }

  async remove(addresses: readonly Address[], call: Call): Promise<void> {
    await Promise.all(addresses.map((address) => this.#remove(address, call)));
  }

  /** Feeds a queue from a topic, as it is published: no envelope of SNS around it. Answers the subscription. */
  async subscribe(topic: string, queue: string, { signal }: Call): Promise<string> {
    const { sns } = this.#clients;
    const options = { abortSignal: signal };
    try {
      const { SubscriptionArn } = await sns.send(
        new SubscribeCommand({
          TopicArn: topic,
          Protocol: "sqs",
          Endpoint: queue,
          Attributes: { RawMessageDelivery: "true" },
          ReturnSubscriptionArn: true,
        }),
        options,
      );
      return SubscriptionArn ?? "";
    } catch (cause) {
      if (!isAwsError(cause, "InvalidParameter")) throw cause;
      // It is there with other attributes, such as a filter policy of the user's own, which may stay.
      const arn = await this.#findSubscription(topic, queue, { signal });
      if (arn === undefined) throw cause;
      const { Attributes } = await sns.send(
        new GetSubscriptionAttributesCommand({ SubscriptionArn: arn }),
        options,
      );
      if (Attributes?.RawMessageDelivery !== "true") {
        await sns.send(
          new SetSubscriptionAttributesCommand({
            SubscriptionArn: arn,
            AttributeName: "RawMessageDelivery",
            AttributeValue: "true",
          }),
          options,
        );
      }
      return arn;
    }
  }

  // ── Making ──────────────────────────────────────────────────────────────────

  async #ensure(address: Address, call: Call): Promise<void> {
    if (address.kind === "inbox") {
      this.#places.rememberQueue(
        queueName(address),
        await this.#temporary.make(queueName(address), {}, call),
      );
      return;
    }
    if (address.kind === "queue") return void (await this.#ensureQueue(address, undefined, call));
    const topic = await this.#ensureTopic(address, call);
    if (address.kind === "topic") return;
    await this.#ensureQueue(address, topic, call);
    await this.subscribe(topic, this.#places.queueArn(queueName(address)), call);
  }

  async #ensureTopic(address: Address, call: Call): Promise<string> {
    const name = topicName(address);
    const { messageBytes } = this.#settings;
    const Attributes = {
      ...(address.ordered ? { FifoTopic: "true", FifoThroughputScope: "MessageGroup" } : {}),
      ...(messageBytes > defaultTopicBytes ? { MaximumMessageSize: String(messageBytes) } : {}),
    };
    const known = await this.#places.lookForTopic(name, call);
    if (known !== undefined) return known;
    if ((await this.#places.lookForTopic(otherKind(name), call)) !== undefined) throw mismatch(address);
    const { TopicArn = "" } = await this.#clients.sns.send(
      new CreateTopicCommand({ Name: name, Attributes }),
      {
        abortSignal: call.signal,
      },
    );
    this.#places.rememberTopic(name, TopicArn);
    return TopicArn;
  }

  /** With a topic, that topic may write to it. */
  async #ensureQueue(address: Address, topic: string | undefined, call: Call): Promise<string> {
    const name = queueName(address);
    const known = await this.#places.lookForQueue(name, call);
    if (known !== undefined) {
      if (topic === undefined || (await this.#isFedBy(known, name, topic, call))) return known;
    }
    if (known === undefined && (await this.#places.lookForQueue(otherKind(name), call)) !== undefined)
      throw mismatch(address);
    const Attributes: QueueAttributes = {
      MaximumMessageSize: "1048576",
      MessageRetentionPeriod: String(Math.floor(this.#settings.retentionMs / 1_000)),
      ...(address.ordered
        ? { FifoQueue: "true", DeduplicationScope: "messageGroup", FifoThroughputLimit: "perMessageGroupId" }
        : {}),
      ...(topic === undefined ? {} : { Policy: policyFor(this.#places.queueArn(name), topic) }),
    };
    const url = await this.#createQueue(name, Attributes, call);
    this.#places.rememberQueue(name, url);
    return url;
  }

  async #createQueue(name: string, Attributes: QueueAttributes, call: Call): Promise<string> {
    const deadline = Date.now() + deletedRecentlyMs;
    for (;;) {
      try {
        const command = new CreateQueueCommand({ QueueName: name, Attributes });
        const { QueueUrl = "" } = await this.#clients.receiving.send(command, { abortSignal: call.signal });
        return QueueUrl;
      } catch (cause) {
        if (isAwsError(cause, "QueueNameExists", "QueueAlreadyExists")) {
          // Somebody was quicker, and with other settings than ours, which do not break a promise.
          const url = await this.#places.findQueue(name, call);
          if (url !== undefined) return url;
        }
        if (!isAwsError(cause, "QueueDeletedRecently") || Date.now() > deadline || call.signal.aborted)
          throw cause;
      }
      await pause(2_000, call.signal);
    }
  }

  /** Sees to it that the topic may write to a queue that exists. False when the queue is gone after all. */
  async #isFedBy(url: string, name: string, topic: string, { signal }: Call): Promise<boolean> {
    const { receiving } = this.#clients;
    const options = { abortSignal: signal };
    try {
      const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["Policy"] });
      const { Attributes } = await receiving.send(command, options);
      const policy = Attributes?.Policy;
      if (allows(policy, topic)) return true;
      const Policy = withStatementFor(policy, this.#places.queueArn(name), topic);
      await receiving.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { Policy } }), options);
      return true;
    } catch (cause) {
      if (!isGone(cause)) throw cause;
      this.#places.forgetQueue(name);
      return false;
    }
  }

  // ── Looking ─────────────────────────────────────────────────────────────────

  async #inspect(address: Address, call: Call): Promise<TopologyState> {
    const { kind } = address;
    const other = kind === "topic" ? otherKind(topicName(address)) : otherKind(queueName(address));
    const find = (name: string) =>
      kind === "topic" ? this.#places.lookForTopic(name, call) : this.#places.lookForQueue(name, call);
    const found = await find(kind === "topic" ? topicName(address) : queueName(address));
    if (found === undefined) {
      const differs = kind !== "inbox" && (await find(other)) !== undefined;
      return { address, exists: differs, differences: differs ? [difference(address)] : [] };
    }
    if (kind === "topic") return { address, exists: true, differences: [] };
    const backlog = await this.#backlog(found, call);
    if (kind !== "group") return { address, exists: true, differences: [], backlog };
    const topic = await this.#places.lookForTopic(topicName(address), call);
    const fed =
      topic !== undefined &&
      (await this.#findSubscription(topic, this.#places.queueArn(queueName(address)), call));
    if (fed) return { address, exists: true, differences: [], backlog };
    return {
      address,
      exists: false,
      differences: [`The queue ${queueName(address)} is not subscribed to the topic.`],
    };
  }

  async #backlog(url: string, { signal }: Call): Promise<number> {
    const AttributeNames: QueueAttributeName[] = [
      "ApproximateNumberOfMessages",
      "ApproximateNumberOfMessagesNotVisible",
      "ApproximateNumberOfMessagesDelayed",
    ];
    const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames });
    const { Attributes = {} } = await this.#clients.receiving.send(command, { abortSignal: signal });
    return AttributeNames.reduce((sum, name) => sum + Number(Attributes[name] ?? 0), 0);
  }

  async #findSubscription(topic: string, queue: string, call: Call): Promise<string | undefined> {
    for await (const { Endpoint, SubscriptionArn } of this.#subscriptions(topic, call)) {
      if (Endpoint === queue && SubscriptionArn?.startsWith("arn:")) return SubscriptionArn;
    }
    return undefined;
  }

  async *#subscriptions(topic: string, { signal }: Call): AsyncGenerator<Subscription> {
    let NextToken: string | undefined;
    do {
      const command = new ListSubscriptionsByTopicCommand({
        TopicArn: topic,
        ...(NextToken === undefined ? {} : { NextToken }),
      });
      const page = await this.#clients.sns.send(command, { abortSignal: signal });
      yield* page.Subscriptions ?? [];
      NextToken = page.NextToken;
    } while (NextToken !== undefined && NextToken !== "");
  }

  // ── Taking away ─────────────────────────────────────────────────────────────

  async #remove(address: Address, call: Call): Promise<void> {
    if (address.kind === "topic") return this.#removeTopic(address, call);
    if (address.kind === "group") {
      const topic = await this.#places.lookForTopic(topicName(address), call);
      const queue = topic === undefined ? "" : this.#places.queueArn(queueName(address));
      const subscription = topic === undefined ? undefined : await this.#findSubscription(topic, queue, call);
      if (subscription !== undefined) await this.#unsubscribe(subscription, call);
    }
    await this.#deleteQueue(queueName(address), call);
  }

  async #removeTopic(address: Address, call: Call): Promise<void> {
    const name = topicName(address);
    const topic = await this.#places.lookForTopic(name, call);
    if (topic === undefined) return;
    try {
      for await (const { Endpoint = "", SubscriptionArn = "" } of this.#subscriptions(topic, call)) {
        const queue = Endpoint.slice(Endpoint.lastIndexOf(":") + 1);
        if (!isGroupQueue(queue, address)) continue;
        if (SubscriptionArn.startsWith("arn:")) await this.#unsubscribe(SubscriptionArn, call);
        await this.#deleteQueue(queue, call);
      }
      await this.#clients.sns.send(new DeleteTopicCommand({ TopicArn: topic }), { abortSignal: call.signal });
    } catch (cause) {
      if (!isGone(cause)) throw cause;
    }
    this.#places.forget(address);
  }

  async #unsubscribe(subscription: string, { signal }: Call): Promise<void> {
    await this.#clients.sns.send(new UnsubscribeCommand({ SubscriptionArn: subscription }), {
      abortSignal: signal,
    });
  }

  async #deleteQueue(name: string, call: Call): Promise<void> {
    const url = await this.#places.lookForQueue(name, call);
    this.#places.forgetQueue(name);
    if (url === undefined) return;
    try {
      await this.#clients.receiving.send(new DeleteQueueCommand({ QueueUrl: url }), {
        abortSignal: call.signal,
      });
    } catch (cause) {
      if (!isGone(cause)) throw cause;
    }
  }
}

function isGone(cause: unknown): boolean {
  return isAwsError(cause, "QueueDoesNotExist", "NonExistentQueue", "NotFound", "ResourceNotFound");
}

function difference({ ordered, kind }: Address): string {
  const [is, asked] = ordered ? ["standard", "FIFO"] : ["FIFO", "standard"];
  return `It is a ${is} ${kind === "topic" ? "topic" : "queue"}; a contract ${ordered ? "with" : "without"} a key asks for a ${asked} one.`;
}

function mismatch(address: Address): MessagingError {
  return new MessagingError(
    "TOPOLOGY_MISMATCH",
    `"${address.name}" exists and differs: ${difference(address)}`,
    {
      remedy: "Take it away, or change the contract, and let all use the same.",
      details: { name: address.name },
    },
  );
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
