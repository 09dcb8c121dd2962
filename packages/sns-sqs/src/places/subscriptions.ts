import {
  GetSubscriptionAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  type SNSClient,
  SubscribeCommand,
  type Subscription,
  UnsubscribeCommand,
} from "@aws-sdk/client-sns";
import type { Call, Filter } from "@waybill/core/spi";
import { isAwsError } from "../errors.ts";
import { isOurs, policyOf } from "./filter-policy.ts";

/** How SNS is told to filter nothing any more. */
const noPolicy = "{}";

/** What feeds queues from topics. */
export class Subscriptions {
  readonly #sns: SNSClient;
  readonly #filters: boolean;

  /** @param filters Whether SNS is to spare what a new subscription's filter cannot let through. */
  constructor(sns: SNSClient, filters: boolean) {
    this.#sns = sns;
    this.#filters = filters;
  }

  /** Feeds a queue from a topic, as it is published: no envelope of SNS around it. Answers the subscription. */
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
      await this.#adjust(existing, policy, call);
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

  /**
   * One that is there with other attributes. A filter policy of ours for another filter
   * than this goes, since it would keep from this member what it wants; it is never made
   * narrower, and core filters. A policy of the user's own is the user's will.
   */
  async #adjust(subscription: string, policy: string | undefined, { signal }: Call): Promise<void> {
    const options = { abortSignal: signal };
    const command = new GetSubscriptionAttributesCommand({ SubscriptionArn: subscription });
    const { Attributes = {} } = await this.#sns.send(command, options);
    const set = (AttributeName: string, AttributeValue: string) =>
      this.#sns.send(
        new SetSubscriptionAttributesCommand({
          SubscriptionArn: subscription,
          AttributeName,
          AttributeValue,
        }),
        options,
      );
    if (Attributes.RawMessageDelivery !== "true") await set("RawMessageDelivery", "true");
    const { FilterPolicy } = Attributes;
    if (FilterPolicy !== undefined && FilterPolicy !== policy && isOurs(FilterPolicy)) {
      await set("FilterPolicy", noPolicy);
    }
  }
}
