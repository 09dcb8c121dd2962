import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type BrokerControl, bringUp, control, findFreePort, takeDown } from "../src/index.ts";
import { settingsOf } from "../src/settings.ts";

const home = mkdtempSync(join(tmpdir(), "waybill-brokers-"));
const port = await findFreePort();
const environment = { ...process.env, WAYBILL_SNS_SQS_URL: "" };
const { downloads } = settingsOf({});
const options = { home, downloads, ports: { "sns-sqs": port }, environment } as const;
let broker: BrokerControl;

beforeAll(async () => {
  const [outcome] = await bringUp(["sns-sqs"], options);
  if (outcome?.problem) throw outcome.problem;
  broker = await control("sns-sqs", options);
}, 300_000);

afterAll(async () => {
  await takeDown(["sns-sqs"], options);
  rmSync(home, { recursive: true, force: true });
});

it("has after SIGKILL what was sent, given back, and sent to a queue that was tagged since", async () => {
  const { QueueUrl } = await sqs("CreateQueue", { QueueName: "orders" });
  for (const MessageBody of ["one", "🎈"]) await sqs("SendMessage", { QueueUrl, MessageBody });
  const { Messages } = await sqs("ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 1 });
  const [{ ReceiptHandle }] = Messages;
  await sqs("ChangeMessageVisibility", { QueueUrl, ReceiptHandle, VisibilityTimeout: 0 });
  await sqs("TagQueue", { QueueUrl, Tags: { team: "shop" } });

  await broker.kill();
  await broker.start();
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
  await expect(fetch(`http://127.0.0.2:${port}/health`)).rejects.toThrow("fetch failed");
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
});

interface Received {
  readonly Body: string;
  readonly Attributes: Readonly<Record<string, string>>;
}

/** One call in the JSON protocol of SQS. */
async function sqs(action: string, input: object) {
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` },
    body: JSON.stringify(input),
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return text === "" ? {} : JSON.parse(text);
}
