import {
  GetSubscriptionAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  type SNSClient,
  SubscribeCommand,
  type Subscription,
  UnsubscribeCommand,
} from "@aws-sdk/client-sns";
import { BoundedMap, type Call, type Filter } from "@waybill/core/spi";
import { isAwsError } from "../errors.ts";
import { isOurs, policyOf } from "./filter-policy.ts";

/** How SNS is told to filter nothing any more. */
const noPolicy = "{}";

/** The most subscriptions that wait for a consumer, in bytes: some thousand. A consumer's own declaration finds a forgotten one again. */
const maxBytes = 1024 * 1024;

/** What a subscription is to be for its queue. */
interface Wanted {
  readonly queue: string;
  readonly filter: Filter | undefined;
  /** As SNS takes it, if it is to filter. */
  readonly policy: string | undefined;
}

/** What feeds queues from topics. */
export class Subscriptions {
  readonly #sns: SNSClient;
  readonly #filters: boolean;
  /** By queue: subscriptions found with a policy of ours by somebody who named no filter, and maybe wants all. */
  readonly #narrow = new BoundedMap<string>(maxBytes);

  /** @param filters Whether SNS is to spare what a new subscription's filter cannot let through. */
  constructor(sns: SNSClient, filters: boolean) {
    this.#sns = sns;
    this.#filters = filters;
  }

  /** Feeds a queue from a topic, as it is published: no envelope of SNS around it. Returns the subscription. */
  async make(topic: string, queue: string, filter: Filter | undefined, call: Call): Promise<string> {
    const policy = filter === undefined || !this.#filters ? undefined : policyOf(filter);
    const command = new SubscribeCommand({
      TopicArn: topic,
      Protocol: "sqs",
      Endpoint: queue,
      Attributes: { RawMessageDelivery: "true", ...(policy === undefined ? {} : { FilterPolicy: policy }) },
      ReturnSubscriptionArn: true,
    });
    try {
      const { SubscriptionArn = "" } = await this.#sns.send(command, { abortSignal: call.signal });
      return SubscriptionArn;
    } catch (cause) {
      // The quota of filter policies is used up: core filters all the same.
      if (isAwsError(cause, "FilterPolicyLimitExceeded")) return this.make(topic, queue, undefined, call);
      if (!isAwsError(cause, "InvalidParameter")) throw cause;
      const existing = await this.find(topic, queue, call);
      if (existing === undefined) throw cause;
      await this.#adjust(existing, { queue, filter, policy }, call);
      return existing;
    }
  }

  async find(topic: string, queue: string, call: Call): Promise<string | undefined> {
    for await (const { Endpoint, SubscriptionArn } of this.of(topic, call)) {
      if (Endpoint === queue && SubscriptionArn?.startsWith("arn:")) return SubscriptionArn;
    }
    return undefined;
  }

  /** All subscriptions of a topic, a hundred a call. */
  async *of(topic: string, { signal }: Call): AsyncGenerator<Subscription> {
    let NextToken: string | undefined;
    do {
      const command = new ListSubscriptionsByTopicCommand({
        TopicArn: topic,
        ...(NextToken === undefined ? {} : { NextToken }),
      });
      const page = await this.#sns.send(command, { abortSignal: signal });
      yield* page.Subscriptions ?? [];
      NextToken = page.NextToken;
    } while (NextToken !== undefined && NextToken !== "");
  }

  async remove(subscription: string, { signal }: Call): Promise<void> {
    await this.#sns.send(new UnsubscribeCommand({ SubscriptionArn: subscription }), { abortSignal: signal });
  }

  /** A consumer of this queue has no filter: a policy that was left as it was goes now. */
  async feedAll(queue: string, call: Call): Promise<void> {
    const subscription = this.#narrow.get(queue);
    if (subscription === undefined) return;
    await this.#set(subscription, "FilterPolicy", noPolicy, call);
    this.#narrow.delete(queue);
  }

  /**
   * One that is there with other attributes. A filter policy of ours for another filter
   * than this goes, since it would keep from this member what it wants; it is never made
   * narrower, and core filters. A redrive or a declaration names no filter and wants no
   * change: then the policy stays until a consumer comes. One of the user's own is the
   * user's will.
   */
  async #adjust(subscription: string, wanted: Wanted, call: Call): Promise<void> {
    const { queue, filter, policy } = wanted;
    const command = new GetSubscriptionAttributesCommand({ SubscriptionArn: subscription });
    const { Attributes = {} } = await this.#sns.send(command, { abortSignal: call.signal });
    if (Attributes.RawMessageDelivery !== "true") {
      await this.#set(subscription, "RawMessageDelivery", "true", call);
    }
    const { FilterPolicy } = Attributes;
    if (FilterPolicy === undefined || FilterPolicy === policy || !isOurs(FilterPolicy)) return;
    if (filter === undefined) this.#narrow.set(queue, subscription, 2 * subscription.length);
    else await this.#set(subscription, "FilterPolicy", noPolicy, call);
  }

  async #set(SubscriptionArn: string, AttributeName: string, AttributeValue: string, { signal }: Call) {
    const command = new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName, AttributeValue });
    await this.#sns.send(command, { abortSignal: signal });
  }
}
