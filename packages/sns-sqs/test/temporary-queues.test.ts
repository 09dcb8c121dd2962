import { nothingStarted } from "@waybill/core/spi";
import { afterEach, expect, it, vi } from "vitest";
import { consume, item, sleep, until } from "../../../scripts/testing/workbench.ts";
import { temporaryPrefix } from "../src/naming.ts";
import { address, call } from "./address.ts";
import { received, sqsError } from "./answers.ts";
import { type Answer, type Asked, json, Recorded } from "./recorded.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const hour = 3_600;
const now = Math.floor(Date.now() / 1_000);
const subscription = "arn:aws:sns:eu-central-1:123456789012:orders:11111111-2222-3333-4444-555555555555";

interface Left {
  readonly created: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** Queues that others have left, or not. */
const left: Readonly<Record<string, Left>> = {
  dead: {
    created: now - 9 * hour,
    tags: { "waybill-seen": `${now - 2 * hour}`, "waybill-subscription": subscription },
  },
  live: { created: now - 9 * hour, tags: { "waybill-seen": `${now - 600}` } },
  "new, by a clock that is wrong": { created: now - 60, tags: { "waybill-seen": `${now - 2 * hour}` } },
  "not of ours": { created: now - 9 * hour, tags: {} },
};

const prefix = `https://sqs.eu-central-1.amazonaws.com/123456789012/${temporaryPrefix}`;

function answer({ action, input }: Asked): Answer {
  const name = decodeURIComponent(String(input.QueueUrl ?? "").slice(prefix.length));
  switch (action) {
    case "CreateQueue":
      return json({ QueueUrl: `${prefix}ours` });
    case "ListQueues":
      return json({ QueueUrls: Object.keys(left).map((each) => prefix + encodeURIComponent(each)) });
    case "ListQueueTags":
      return json({ Tags: left[name]?.tags });
    case "GetQueueAttributes":
      return json({ Attributes: { CreatedTimestamp: String(left[name]?.created) } });
    case "GetQueueUrl":
      return sqsError(400, "QueueDoesNotExist", "The specified queue does not exist.");
    default:
      return { body: action === "Unsubscribe" ? "<UnsubscribeResponse/>" : "{}" };
  }
}

it("takes away the queues of clients that died, with what fed them, and no others", async () => {
  const aws = new Recorded(answer, false);
  const reports: unknown[] = [];
  const connection = await aws.connect({}, reports);
  await connection.topology.ensure([item(address("inbox", "inbox..1"))], call);
  await until(() => aws.of("ListQueueTags").length === 4 && aws.of("DeleteQueue").length > 0);
  await connection.close();
  expect(aws.of("DeleteQueue").map(({ input }) => input.QueueUrl)).toEqual([`${prefix}dead`]);
  expect(aws.of("Unsubscribe").map(({ input }) => input.SubscriptionArn)).toEqual([subscription]);
  expect(reports).toEqual([]);
});

it("goes by AWS's clock where this computer's is wrong by hours", async () => {
  const real = Date.now;
  vi.spyOn(Date, "now").mockImplementation(() => real() + 2 * hour * 1_000);
  const date = () => new Date(real()).toUTCString();
  const aws = new Recorded((asked) => {
    const { headers, ...rest } = answer(asked);
    return { ...rest, headers: { ...headers, date: date() } };
  }, false);
  const connection = await aws.connect();
  await connection.topology.ensure([item(address("inbox", "inbox..1"))], call);
  await until(() => aws.of("ListQueueTags").length === 4 && aws.of("DeleteQueue").length > 0);
  await connection.close();
  expect(aws.of("DeleteQueue").map(({ input }) => input.QueueUrl)).toEqual([`${prefix}dead`]);
});

it("does without sweeping where it may not look", async () => {
  const aws = new Recorded(
    (asked) =>
      asked.action === "ListQueues" ? sqsError(403, "AccessDenied", "Not authorized.") : answer(asked),
    false,
  );
  const reports: unknown[] = [];
  const connection = await aws.connect({}, reports);
  await connection.topology.ensure([item(address("inbox", "inbox..1"))], call);
  await until(() => aws.of("ListQueues").length === 1);
  await connection.close();
  expect(reports).toEqual([]);
});

it("keeps the queue of an inbox that failed, which core opens again, and removes that of one that closed", async () => {
  let fails = true;
  const aws = new Recorded(async (asked) => {
    if (asked.action !== "ReceiveMessage") return asked.action === "ListQueues" ? json({}) : answer(asked);
    if (!fails) await sleep(1_000);
    return fails ? sqsError(500, "InternalFailure", "We encountered an internal error") : received();
  }, true);
  const connection = await aws.connect({ waitSeconds: 1 });
  const inbox = address("inbox", "inbox..1");
  const failing = await consume(connection, inbox);
  await expect(failing.receive(1, call)).rejects.toThrow();
  await failing.close(nothingStarted);
  expect(aws.of("DeleteQueue")).toEqual([]);
  fails = false;
  const closing = await consume(connection, inbox);
  await closing.receive(1, { signal: AbortSignal.timeout(50) });
  await closing.close(nothingStarted);
  expect(aws.of("DeleteQueue")).toHaveLength(1);
  await connection.close();
});
