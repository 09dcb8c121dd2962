import {
  CreateTopicCommand,
  GetSubscriptionAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
} from "@aws-sdk/client-sns";
import { CreateQueueCommand, GetQueueAttributesCommand, GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import type { Address } from "@waybill/core/spi";
import { afterEach, expect, it } from "vitest";
import { call, consume, item, topicOf } from "../../../scripts/testing/workbench.ts";
import { queueName, topicName } from "../src/naming.ts";
import { SnsSqsBench } from "./workbench.ts";

const bench = new SnsSqsBench();
afterEach(() => bench.end());

async function attributesOf(address: Address): Promise<Record<string, string>> {
  const { QueueUrl } = await bench.sqs.send(new GetQueueUrlCommand({ QueueName: queueName(address) }));
  const { Attributes } = await bench.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
  );
  return Attributes ?? {};
}

/** The topic's ARN, and the attributes of its subscription. */
async function subscriptionOf(
  group: Address,
): Promise<{ readonly arn: string; readonly attributes: Record<string, string> }> {
  const command = new CreateTopicCommand({ Name: topicName(group) });
  const { TopicArn } = await bench.sns.send(command);
  const { Subscriptions = [] } = await bench.sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
  expect(Subscriptions).toHaveLength(1);
  const SubscriptionArn = Subscriptions[0]?.SubscriptionArn ?? "";
  const { Attributes = {} } = await bench.sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }));
  return { arn: SubscriptionArn, attributes: Attributes };
}

it("makes FIFO queues for high throughput", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue", { ordered: true });
  expect(await attributesOf(queue)).toMatchObject({
    FifoQueue: "true",
    DeduplicationScope: "messageGroup",
    FifoThroughputLimit: "perMessageGroupId",
    MessageRetentionPeriod: String(14 * 86_400),
  });
});

it("lets only its topic write to a group's queue", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group");
  const { Policy = "" } = await attributesOf(group);
  const { attributes } = await subscriptionOf(group);
  expect(attributes.RawMessageDelivery).toBe("true");
  expect(JSON.parse(Policy).Statement[0].Condition).toEqual({
    ArnEquals: { "aws:SourceArn": attributes.TopicArn },
  });
});

it("uses a queue that is there with settings of its own, and lets the topic write to it", async () => {
  const connection = await bench.connect();
  const group = bench.address("group");
  await bench.sqs.send(
    new CreateQueueCommand({
      QueueName: queueName(group),
      Attributes: { VisibilityTimeout: "77", MessageRetentionPeriod: "600" },
    }),
  );
  await connection.topology.ensure([item(group)], call);
  const attributes = await attributesOf(group);
  expect(attributes).toMatchObject({ VisibilityTimeout: "77", MessageRetentionPeriod: "600" });
  expect(attributes.Policy).toContain("aws:SourceArn");
});

it("says when a queue or topic of the other kind has the name", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const topic = await bench.made(connection, "topic", { ordered: true });
  for (const address of [
    { ...queue, ordered: true },
    { ...topic, ordered: false },
  ]) {
    await expect(connection.topology.ensure([item(address)], call)).rejects.toMatchObject({
      code: "TOPOLOGY_MISMATCH",
    });
    const [state] = await connection.topology.inspect([address], call);
    expect(state?.differences).toEqual([expect.stringMatching(/FIFO/)]);
  }
});

it("gives a new subscription a filter policy, and takes it away when another filter comes", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group", { filter: { colour: "red" } });
  const policy = async () => (await subscriptionOf(group)).attributes.FilterPolicy;
  expect(await policy()).toContain('{"colour":["red"]}');
  await connection.topology.ensure([item(group, undefined, { colour: "red" })], call);
  expect(await policy()).toContain('{"colour":["red"]}');
  await connection.topology.ensure([item(group, undefined, { colour: "blue" })], call);
  expect(await policy()).toBe("{}");
  await connection.topology.ensure([item(group, undefined, { colour: "red" })], call);
  expect(await policy()).toBe("{}");
});

it("leaves the filter policy to who declares or redrives, and takes it away from who consumes without a filter", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group", { filter: { colour: "red" } });
  const policy = async () => (await subscriptionOf(group)).attributes.FilterPolicy;
  await connection.topology.ensure([item(group)], call);
  expect(await policy()).toContain('{"colour":["red"]}');
  await consume(connection, group);
  expect(await policy()).toBe("{}");
});

it("leaves a filter policy of the user's own alone", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group");
  const { arn } = await subscriptionOf(group);
  const AttributeValue = '{"colour":["green"]}';
  await bench.sns.send(
    new SetSubscriptionAttributesCommand({
      SubscriptionArn: arn,
      AttributeName: "FilterPolicy",
      AttributeValue,
    }),
  );
  await connection.topology.ensure([item(group, undefined, { colour: "red" })], call);
  expect((await subscriptionOf(group)).attributes.FilterPolicy).toBe(AttributeValue);
});

it("makes no filter policy where that is turned off", async () => {
  const connection = await bench.connect({ filterPolicies: false });
  const group = await bench.made(connection, "group", { filter: { colour: "red" } });
  expect((await subscriptionOf(group)).attributes.FilterPolicy).toBeUndefined();
});

it("takes a topic's group queues away with it, and nobody else's", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group");
  const name = `${queueName(group)}-theirs`;
  const { QueueUrl } = await bench.sqs.send(new CreateQueueCommand({ QueueName: name }));
  await connection.topology.remove([topicOf(group)], call);
  await expect(attributesOf(group)).rejects.toThrow(/not exist/);
  expect(QueueUrl).toContain(name);
  await expect(bench.sqs.send(new GetQueueUrlCommand({ QueueName: name }))).resolves.toBeDefined();
});
