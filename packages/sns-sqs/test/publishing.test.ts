import type { Connection, PublishOutcome } from "@waybill/core/spi";
import { expect, it } from "vitest";
import { message, messages } from "../../../scripts/testing/workbench.ts";
import { snsSqs } from "../src/index.ts";
import { address, call } from "./address.ts";
import { batch, metadataIn, published, snsError, sqsError, topicAttributes } from "./answers.ts";
import { type Asked, Recorded } from "./recorded.ts";

const { classify } = snsSqs();
const queue = address("queue", "jobs");
const fifo = address("queue", "jobs", { ordered: true });
const topic = address("topic", "orders");

/** What core would be told of each. */
function told(outcomes: readonly PublishOutcome[]) {
  return outcomes.map((outcome) => {
    if (outcome.ok) return "stored";
    const found = classify(outcome.cause);
    return `${found?.code ?? (outcome.cause as { code?: string }).code} ${found?.retryable ?? "by code"}`;
  });
}

const bodies = ({ input }: Asked) => input.Entries.map((entry: { MessageBody: string }) => entry.MessageBody);

it("tells each entry of a batch that SQS took in part", async () => {
  const aws = new Recorded((asked) =>
    batch(
      asked,
      { Id: "1", Code: "InvalidMessageContents", SenderFault: true },
      { Id: "2", Code: "InternalError", SenderFault: false },
      { Id: "3", Code: "AccessDenied", SenderFault: true },
    ),
  );
  const connection = await aws.connect();
  expect(told(await connection.publish(queue, messages(5), call))).toEqual([
    "stored",
    "INVALID_ARGUMENT false",
    "BROKER_ERROR true",
    "PERMISSION_DENIED false",
    "stored",
  ]);
});

it("tells each entry of a batch that SNS took in part", async () => {
  const aws = new Recorded(({ action }) =>
    action === "PublishBatch"
      ? published(
          3,
          { Id: "0", Code: "InternalError", SenderFault: false },
          { Id: "2", Code: "KMSThrottling", SenderFault: true },
        )
      : topicAttributes(),
  );
  const connection = await aws.connect();
  const outcomes = await connection.publish(topic, messages(3), call);
  expect(told(outcomes)).toEqual(["BROKER_ERROR true", "stored", "OVERLOADED true"]);
});

it("counts an entry that the answer leaves out as not stored", async () => {
  const aws = new Recorded((asked) =>
    batch({ ...asked, input: { Entries: asked.input.Entries.slice(0, 2) } }),
  );
  const connection = await aws.connect();
  expect(told(await connection.publish(queue, messages(3), call))).toEqual([
    "stored",
    "stored",
    "BROKER_ERROR true",
  ]);
});

it.each([
  ["throttling", sqsError(400, "RequestThrottled", "Rate exceeded"), "OVERLOADED true"],
  [
    "throttling, in SQS's older words",
    sqsError(403, "ThrottlingException", "Rate exceeded", "RequestThrottled"),
    "OVERLOADED true",
  ],
  [
    "expired credentials",
    sqsError(
      403,
      "ExpiredTokenException",
      "The security token included in the request is expired",
      "ExpiredToken",
    ),
    "AUTHENTICATION_FAILED true",
  ],
  [
    "unknown credentials",
    sqsError(
      403,
      "UnrecognizedClientException",
      "The security token included in the request is invalid",
      "InvalidClientTokenId",
    ),
    "AUTHENTICATION_FAILED false",
  ],
  [
    "a missing permission",
    sqsError(
      403,
      "AccessDeniedException",
      "User is not authorized to perform: sqs:sendmessage",
      "AccessDenied",
    ),
    "PERMISSION_DENIED false",
  ],
  [
    "a key that KMS refuses",
    sqsError(400, "KmsAccessDenied", "The caller doesn't have the required KMS access."),
    "PERMISSION_DENIED false",
  ],
  [
    "an error of the service",
    sqsError(500, "InternalFailure", "We encountered an internal error"),
    "BROKER_ERROR true",
  ],
  [
    "a service that is away",
    sqsError(503, "ServiceUnavailable", "Service is unavailable"),
    "UNREACHABLE by code",
  ],
  [
    "a queue that is gone",
    sqsError(
      400,
      "QueueDoesNotExist",
      "The specified queue does not exist.",
      "AWS.SimpleQueueService.NonExistentQueue",
    ),
    "NOT_FOUND by code",
  ],
])("fails a whole request by %s", async (_, answer, expected) => {
  const aws = new Recorded(() => answer);
  const connection = await aws.connect();
  expect(told(await connection.publish(queue, messages(2), call))).toEqual([expected, expected]);
  expect(aws.of("SendMessageBatch")).toHaveLength(1);
});

it("reports a topic that is not there, and looks for it again afterwards", async () => {
  let there = false;
  const aws = new Recorded(({ action }) => {
    if (!there) return snsError(404, "NotFound", "Topic does not exist");
    return action === "PublishBatch" ? published(1) : topicAttributes();
  });
  const connection = await aws.connect();
  await expect(connection.publish(topic, [message()], call)).rejects.toMatchObject({ code: "NOT_FOUND" });
  there = true;
  expect(told(await connection.publish(topic, [message()], call))).toEqual(["stored"]);
});

it("forgets a topic that was there and is gone", async () => {
  let there = true;
  const aws = new Recorded(({ action }) => {
    if (!there) return snsError(404, "NotFound", "Topic does not exist");
    return action === "PublishBatch" ? published(1) : topicAttributes();
  });
  const connection = await aws.connect();
  await connection.publish(topic, [message()], call);
  there = false;
  expect(told(await connection.publish(topic, [message()], call))).toEqual(["NOT_FOUND by code"]);
  there = true;
  expect(told(await connection.publish(topic, [message()], call))).toEqual(["stored"]);
  expect(aws.of("GetTopicAttributes")).toHaveLength(2);
});

it("says which permission is missing at SNS, and nothing of the secret", async () => {
  const denied = snsError(
    403,
    "AuthorizationError",
    "User: arn:aws:iam::123456789012:user/me is not authorized to perform: SNS:Publish",
  );
  const aws = new Recorded(({ action }) => (action === "PublishBatch" ? denied : topicAttributes()));
  const connection = await aws.connect();
  const [outcome] = await connection.publish(topic, [message()], call);
  expect(told([outcome as PublishOutcome])).toEqual(["PERMISSION_DENIED false"]);
  const { cause } = outcome as { cause: Error };
  expect(cause.message).toContain("SNS:Publish");
  expect(JSON.stringify([cause, Object.entries(cause)])).not.toContain("secret");
});

it("packs ten messages and a mebibyte into a request", async () => {
  const aws = new Recorded(batch);
  const connection = await aws.connect();
  await connection.publish(queue, messages(23), call);
  expect(
    aws.asked.filter(({ action }) => action === "SendMessageBatch").map((asked) => bodies(asked).length),
  ).toEqual([10, 10, 3]);
  aws.asked.length = 0;
  await connection.publish(
    queue,
    messages(9, () => ({ body: "x".repeat(200_000) })),
    call,
  );
  expect(aws.of("SendMessageBatch").map((asked) => bodies(asked).length)).toEqual([5, 4]);
});

it("refuses one message over the limit, and stores its neighbours", async () => {
  const aws = new Recorded(batch);
  const connection = await aws.connect();
  const over = message({ body: "x".repeat(262_144) });
  const outcomes = await connection.publish(queue, [message(), over, message()], call);
  expect(told(outcomes)).toEqual(["stored", "MESSAGE_TOO_LARGE by code", "stored"]);
  expect(aws.of("SendMessageBatch").map((asked) => bodies(asked).length)).toEqual([2]);
});

it("sends one message of a key at a time, and nothing after one that failed", async () => {
  const batches: string[][] = [];
  const aws = new Recorded((asked) => {
    const sent: string[] = bodies(asked);
    batches.push(sent);
    const bad = sent.indexOf("a2");
    return bad < 0
      ? batch(asked)
      : batch(asked, { Id: String(bad), Code: "InternalError", SenderFault: false });
  });
  const connection = await aws.connect();
  const sequence = ["a1", "b1", "a2", "a3", "b2", "a4", "c1", "b3"];
  const outcomes = await connection.publish(
    fifo,
    sequence.map((body) => message({ body, key: body.charAt(0) })),
    call,
  );
  const failed = sequence.filter((_, index) => !outcomes[index]?.ok);
  expect(failed).toEqual(["a2", "a3", "a4"]);
  expect(told(outcomes).filter((each) => each !== "stored")).toEqual(Array(3).fill("BROKER_ERROR true"));
  for (const sent of batches) {
    const keys = sent.map((body) => body.charAt(0));
    expect(new Set(keys).size).toBe(keys.length);
  }
  expect(batches.flat()).not.toContain("a3");
  expect(batches.flat().filter((body) => body.startsWith("b"))).toEqual(["b1", "b2", "b3"]);
});

it("is the same to SQS when it is sent again after a lost answer, and another when it is redriven", async () => {
  const aws = new Recorded(batch);
  const connection = await aws.connect();
  const first = message({ key: "k", publishToken: "token-1" });
  await connection.publish(fifo, [first], call);
  await connection.publish(fifo, [{ ...first }], call);
  await connection.publish(fifo, [{ ...first, publishToken: "token-2" }], call);
  const ids = aws.of("SendMessageBatch").map(({ input }) => input.Entries[0].MessageDeduplicationId);
  expect(ids).toEqual(["token-1", "token-1", "token-2"]);
});

it("tells a topic apart by the publish too, not by the message's id", async () => {
  const aws = new Recorded(({ action }) => (action === "PublishBatch" ? published(1) : topicAttributes()));
  const connection = await aws.connect();
  const ordered = address("topic", "orders", { ordered: true });
  const first = message({ key: "k", id: "order-1", publishToken: "token-1" });
  await connection.publish(ordered, [first], call);
  await connection.publish(ordered, [{ ...first, publishToken: "token-2" }], call);
  const ids = aws
    .of("PublishBatch")
    .map(({ input }) => input["PublishBatchRequestEntries.member.1.MessageDeduplicationId"]);
  expect(ids).toEqual(["token-1", "token-2"]);
});

it("gives SQS the delay that it can keep, rounded up, and the consumer the rest", async () => {
  const aws = new Recorded(batch);
  const connection = await aws.connect();
  await connection.publish(queue, [message({ delayMs: 1_200 }), message({ delayMs: 3_600_000 })], call);
  const [short, long] = aws.of("SendMessageBatch")[0]?.input.Entries ?? [];
  expect(short.DelaySeconds).toBe(2);
  expect(metadataIn(short)).not.toHaveProperty("wait");
  expect(long.DelaySeconds).toBe(900);
  expect(metadataIn(long).wait).toBe(3_600_000);
});

it("cannot be reached where a region does not exist, and says to look at the region", async () => {
  const unknown = Object.assign(new Error("getaddrinfo ENOTFOUND sqs.eu-nowhere-9.amazonaws.com"), {
    code: "ENOTFOUND",
  });
  const aws = new Recorded(() => unknown, false);
  const failure = await aws.connect({ region: "eu-nowhere-9" }).then(
    (connection: Connection) => connection,
    (cause: unknown) => classify(cause),
  );
  expect(failure).toMatchObject({ code: "UNREACHABLE", remedy: expect.stringContaining("region") });
});
