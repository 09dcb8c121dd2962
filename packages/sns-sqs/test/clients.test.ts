import { inspect } from "node:util";
import { SNSClient } from "@aws-sdk/client-sns";
import { SQSClient } from "@aws-sdk/client-sqs";
import { expect, it, vi } from "vitest";
import { consume, message, publish, take } from "../../../scripts/testing/workbench.ts";
import { snsSqs } from "../src/index.ts";
import { address, call } from "./address.ts";
import { batch, published, received, sqsError, topicAttributes } from "./answers.ts";
import { Recorded } from "./recorded.ts";

const hooks = { lost: () => {}, report: () => {} };

it("uses the clients that it is given, hands them out, and leaves them open", async () => {
  const transport = new Recorded((asked) => {
    if (asked.action === "PublishBatch") return published(1);
    if (asked.action === "ReceiveMessage") return received({ body: "hello" });
    return asked.action === "GetTopicAttributes" ? topicAttributes() : batch(asked);
  });
  const configuration = {
    region: "eu-central-1",
    credentials: { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "secret" },
    // biome-ignore lint/suspicious/noExplicitAny: a transport is a class of the SDK's own
    requestHandler: transport as any,
  };
  const [sqsClient, snsClient] = [new SQSClient(configuration), new SNSClient(configuration)];
  const destroyed = [vi.spyOn(sqsClient, "destroy"), vi.spyOn(snsClient, "destroy")];
  const driver = snsSqs({ sqsClient, snsClient, accountId: "123456789012", waitSeconds: 1 });
  const connection = await driver.connect(hooks, call);
  expect(connection.native).toEqual({ sqs: sqsClient, sns: snsClient });
  await publish(connection, address("topic", "orders"), [message()]);
  const consumer = await consume(connection, address("queue", "jobs"), { prefetch: 1 });
  expect(await take(consumer, 1)).toHaveLength(1);
  await connection.close();
  expect(transport.asked.map(({ action }) => action)).toEqual(
    expect.arrayContaining(["PublishBatch", "ReceiveMessage", "DeleteMessageBatch"]),
  );
  for (const destroy of destroyed) expect(destroy).not.toHaveBeenCalled();
});

it("finds whose topics these are by those that there are, unless it is told", async () => {
  const listed = `<ListTopicsResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ListTopicsResult><Topics>
    <member><TopicArn>arn:aws:sns:eu-central-1:999999999999:another</TopicArn></member></Topics>
    </ListTopicsResult></ListTopicsResponse>`;
  const aws = new Recorded(({ action }) => {
    if (action === "ListTopics") return { body: listed };
    return action === "PublishBatch" ? published(1) : topicAttributes();
  });
  const connection = await snsSqs({
    region: "eu-central-1",
    accessKeyId: "AKIAEXAMPLE",
    secretAccessKey: "secret",
    // biome-ignore lint/suspicious/noExplicitAny: a transport is a class of the SDK's own
    client: { requestHandler: aws as any },
  }).connect(hooks, call);
  await publish(connection, address("topic", "orders"), [message()]);
  expect(aws.of("PublishBatch")[0]?.input.TopicArn).toBe("arn:aws:sns:eu-central-1:999999999999:orders");
  await connection.close();
});

it("is refused with credentials that AWS does not know, and the secret shows nowhere", async () => {
  const secret = "not-the-secret-of-anyone";
  const driver = (answer: Recorded) =>
    snsSqs({
      region: "eu-central-1",
      accessKeyId: "AKIAEXAMPLE",
      secretAccessKey: secret,
      // biome-ignore lint/suspicious/noExplicitAny: a transport is a class of the SDK's own
      client: { requestHandler: answer as any },
    });
  const refusing = driver(
    new Recorded(
      () =>
        sqsError(
          403,
          "InvalidClientTokenId",
          "The security token included in the request is invalid.",
          "InvalidClientTokenId",
        ),
      false,
    ),
  );
  const cause = await refusing.connect(hooks, call).catch((thrown: unknown) => thrown);
  expect(refusing.classify(cause)).toMatchObject({ code: "AUTHENTICATION_FAILED", retryable: false });
  expect(inspect([cause, refusing], { depth: 10 })).not.toContain(secret);
});

it("connects where it may not look at queues", async () => {
  const aws = new Recorded(
    () => sqsError(403, "AccessDenied", "Not authorized to perform: sqs:getqueueurl"),
    false,
  );
  await expect(aws.connect()).resolves.toBeDefined();
});
