import { CreateTopicCommand, DeleteTopicCommand } from "@aws-sdk/client-sns";
import {
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  type QueueAttributeName,
  SetQueueAttributesCommand,
} from "@aws-sdk/client-sqs";
import {
  type Address,
  type Call,
  type Filter,
  MessagingError,
  type Topology,
  type TopologyItem,
  type TopologyState,
} from "@waybill/core/spi";
import type { TemporaryQueues } from "./broadcast/temporary-queues.ts";
import type { Clients } from "./client/clients.ts";
import { fifoAttributes, type NewQueues, type QueueAttributes } from "./client/new-queues.ts";
import { allows, policyFor, withStatementFor } from "./client/queue-policy.ts";
import type { ResourceCache } from "./client/resource-cache.ts";
import type { Subscriptions } from "./client/subscriptions.ts";
import { isAwsError } from "./errors.ts";
import { isGroupQueue, otherKind, queueName, topicName } from "./naming.ts";
import type { Settings } from "./options.ts";

const defaultTopicBytes = 262_144;

/** Topics at SNS, a queue at SQS for each queue and group, and what joins them. */
export class SnsSqsTopology implements Topology {
  readonly #clients: Clients;
  readonly #resources: ResourceCache;
  readonly #subscriptions: Subscriptions;
  readonly #newQueues: NewQueues;
  readonly #temporary: TemporaryQueues;
  readonly #settings: Settings;

  constructor(
    clients: Clients,
    resources: ResourceCache,
    subscriptions: Subscriptions,
    newQueues: NewQueues,
    temporary: TemporaryQueues,
    settings: Settings,
  ) {
    this.#clients = clients;
    this.#resources = resources;
    this.#subscriptions = subscriptions;
    this.#newQueues = newQueues;
    this.#temporary = temporary;
    this.#settings = settings;
  }

  async ensure(items: readonly TopologyItem[], call: Call): Promise<void> {
    for (const { address, filter } of items) await this.#ensure(address, filter, call);
  }

  inspect(addresses: readonly Address[], call: Call): Promise<readonly TopologyState[]> {
    return Promise.all(addresses.map((address) => this.#inspect(address, call)));
  }

  async remove(addresses: readonly Address[], call: Call): Promise<void> {
    await Promise.all(addresses.map((address) => this.#remove(address, call)));
  }

  // ── Making ──────────────────────────────────────────────────────────────────

  async #ensure(address: Address, filter: Filter | undefined, call: Call): Promise<void> {
    if (address.kind === "inbox") {
      this.#resources.rememberQueue(
        queueName(address),
        await this.#temporary.make(queueName(address), {}, call),
      );
      return;
    }
    if (address.kind === "queue") return this.#ensureQueue(address, undefined, call);
    const topic = await this.#ensureTopic(address, call);
    if (address.kind === "topic") return;
    await this.#ensureQueue(address, topic, call);
    await this.#subscriptions.make(topic, this.#resources.queueArn(queueName(address)), filter, call);
  }

  async #ensureTopic(address: Address, call: Call): Promise<string> {
    const name = topicName(address);
    const { messageBytes } = this.#settings;
    const Attributes = {
      ...(address.ordered ? { FifoTopic: "true", FifoThroughputScope: "MessageGroup" } : {}),
      ...(messageBytes > defaultTopicBytes ? { MaximumMessageSize: String(messageBytes) } : {}),
    };
    const look = (which: string) => this.#resources.lookForTopic(which, call).catch(unlessDenied);
    const known = await look(name);
    if (known !== undefined) return known;
    if ((await look(otherKind(name))) !== undefined) throw mismatch(address);
    const { TopicArn = "" } = await this.#clients.sns.send(
      new CreateTopicCommand({ Name: name, Attributes }),
      {
        abortSignal: call.signal,
      },
    );
    this.#resources.rememberTopic(name, TopicArn);
    return TopicArn;
  }

  /** With a topic, that topic may write to it. */
  async #ensureQueue(
    address: Address,
    topic: string | undefined,
    call: Call,
    mayBeThere = true,
  ): Promise<void> {
    const name = queueName(address);
    const known = await this.#resources.lookForQueue(name, call);
    if (known !== undefined) {
      if (topic === undefined || (await this.#isFedBy(known, name, topic, call))) return;
    }
    if (known === undefined && (await this.#resources.lookForQueue(otherKind(name), call)) !== undefined)
      throw mismatch(address);
    const Attributes: QueueAttributes = {
      MessageRetentionPeriod: String(Math.floor(this.#settings.retentionMs / 1_000)),
      ...(address.ordered ? fifoAttributes : {}),
      ...(topic === undefined ? {} : { Policy: policyFor(this.#resources.queueArn(name), topic) }),
    };
    try {
      const url = await this.#newQueues.make(name, Attributes, undefined, call);
      this.#resources.rememberQueue(name, url);
    } catch (cause) {
      // Somebody was quicker, and with other settings, which do not break a guarantee.
      if (!mayBeThere || !isAwsError(cause, "QueueNameExists", "QueueAlreadyExists")) throw cause;
      await this.#ensureQueue(address, topic, call, false);
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
      const Policy = withStatementFor(policy, this.#resources.queueArn(name), topic);
      await receiving.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { Policy } }), options);
      return true;
    } catch (cause) {
      if (!isGone(cause)) throw cause;
      this.#resources.forgetQueue(name);
      return false;
    }
  }

  // ── Looking ─────────────────────────────────────────────────────────────────

  async #inspect(address: Address, call: Call): Promise<TopologyState> {
    const { kind } = address;
    const other = kind === "topic" ? otherKind(topicName(address)) : otherKind(queueName(address));
    const find = (name: string) =>
      kind === "topic" ? this.#resources.lookForTopic(name, call) : this.#resources.lookForQueue(name, call);
    const found = await find(kind === "topic" ? topicName(address) : queueName(address));
    if (found === undefined) {
      const differs = kind !== "inbox" && (await find(other)) !== undefined;
      return { address, exists: differs, differences: differs ? [difference(address)] : [] };
    }
    if (kind === "topic") return { address, exists: true, differences: [] };
    const backlog = await this.#backlog(found, call);
    if (kind !== "group") return { address, exists: true, differences: [], backlog };
    const topic = await this.#resources.lookForTopic(topicName(address), call);
    const fed =
      topic !== undefined &&
      (await this.#subscriptions.find(topic, this.#resources.queueArn(queueName(address)), call));
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

  // ── Taking away ─────────────────────────────────────────────────────────────

  async #remove(address: Address, call: Call): Promise<void> {
    if (address.kind === "topic") return this.#removeTopic(address, call);
    if (address.kind === "group") {
      const topic = await this.#resources.lookForTopic(topicName(address), call);
      const queue = topic === undefined ? "" : this.#resources.queueArn(queueName(address));
      const subscription =
        topic === undefined ? undefined : await this.#subscriptions.find(topic, queue, call);
      if (subscription !== undefined) await this.#subscriptions.remove(subscription, call);
    }
    await this.#deleteQueue(queueName(address), call);
  }

  async #removeTopic(address: Address, call: Call): Promise<void> {
    const name = topicName(address);
    const topic = await this.#resources.lookForTopic(name, call);
    if (topic === undefined) return;
    try {
      for await (const { Endpoint = "", SubscriptionArn = "" } of this.#subscriptions.of(topic, call)) {
        const queue = Endpoint.slice(Endpoint.lastIndexOf(":") + 1);
        if (!isGroupQueue(queue, address)) continue;
        if (SubscriptionArn.startsWith("arn:")) await this.#subscriptions.remove(SubscriptionArn, call);
        await this.#deleteQueue(queue, call);
      }
      await this.#clients.sns.send(new DeleteTopicCommand({ TopicArn: topic }), { abortSignal: call.signal });
    } catch (cause) {
      if (!isGone(cause)) throw cause;
    }
    this.#resources.forget(address);
  }

  async #deleteQueue(name: string, call: Call): Promise<void> {
    const url = await this.#resources.lookForQueue(name, call);
    this.#resources.forgetQueue(name);
    if (url === undefined) return;
    try {
      await this.#clients.receiving.send(new DeleteQueueCommand({ QueueUrl: url }), {
        abortSignal: call.signal,
      });
    } catch (cause) {
      if (!isGone(cause)) throw cause;
    }
    this.#resources.noteRemoval(name);
  }
}

/** Who may create topics need not be allowed to look at them. */
function unlessDenied(cause: unknown): undefined {
  if (!isAwsError(cause, "AuthorizationError", "AccessDenied")) throw cause;
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
