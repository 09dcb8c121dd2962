import { afterAll, expect, it } from "vitest";
import { startOwn } from "./own-home.ts";

const broker = await startOwn("sns-sqs");
afterAll(() => broker[Symbol.asyncDispose]());

it("has after SIGKILL what was sent, given back, and sent to a queue that was tagged since", async () => {
  const { QueueUrl } = await sqs("CreateQueue", { QueueName: "orders" });
  for (const MessageBody of ["one", "🎈"]) await sqs("SendMessage", { QueueUrl, MessageBody });
  const { Messages } = await sqs("ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 1 });
  const [{ ReceiptHandle }] = Messages;
  await sqs("ChangeMessageVisibility", { QueueUrl, ReceiptHandle, VisibilityTimeout: 0 });
  await sqs("TagQueue", { QueueUrl, Tags: { team: "shop" } });

  await broker.control.kill();
  await broker.control.start();
  const after = await sqs("ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 10, AttributeNames: ["All"] });
  const received = after.Messages.map((message: Received) => [
    message.Body,
    message.Attributes.ApproximateReceiveCount,
  ]);
  expect(received.sort()).toEqual([
    ["one", "2"],
    ["🎈", "1"],
  ]);
});

it("does not listen on other addresses of this computer", async () => {
  await expect(fetch(`http://127.0.0.2:${broker.port}/health`)).rejects.toThrow("fetch failed");
  expect((await fetch(`http://127.0.0.1:${broker.port}/health`)).status).toBe(200);
});

interface Received {
  readonly Body: string;
  readonly Attributes: Readonly<Record<string, string>>;
}

/** One call in the JSON protocol of SQS. */
async function sqs(action: string, input: object) {
  const response = await fetch(`http://127.0.0.1:${broker.port}/`, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` },
    body: JSON.stringify(input),
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return text === "" ? {} : JSON.parse(text);
}
