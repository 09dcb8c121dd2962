import { afterEach, expect, it, vi } from "vitest";
import { item, message } from "../../../scripts/testing/workbench.ts";
import { address, call } from "./address.ts";
import { batch, sqsError } from "./answers.ts";
import { json, Recorded } from "./recorded.ts";

const queue = address("queue", "jobs");
const day = 86_400_000;

afterEach(() => void vi.restoreAllMocks());

/** The clock of this computer is set, as clocks are at times. */
function setClock(byMs: number): void {
  const now = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => now + byMs);
}

it("takes a queue that it removed for gone, though SQS knows it for a minute and loses what it takes there", async () => {
  const aws = new Recorded((asked) => {
    const { action, input } = asked;
    if (action === "SendMessageBatch") return batch(asked);
    if (action === "GetQueueUrl" && input.QueueName !== "jobs")
      return sqsError(400, "QueueDoesNotExist", "The specified queue does not exist.");
    return json({ QueueUrl: "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs" });
  }, false);
  const connection = await aws.connect();
  await connection.publish(queue, [message()], call);
  await connection.topology.remove([queue], call);
  // Whatever the clock is set to meanwhile.
  setClock(day);
  await expect(connection.publish(queue, [message()], call)).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(await connection.topology.inspect([queue], call)).toMatchObject([{ exists: false }]);
  await connection.topology.ensure([item(queue)], call);
  expect(aws.of("CreateQueue")).toHaveLength(1);
  expect(await connection.publish(queue, [message()], call)).toMatchObject([{ ok: true }]);
});

it("waits until SQS lets the name of a removed queue be used again", async () => {
  let refusals = 1;
  const aws = new Recorded(({ action, input }) => {
    if (action !== "CreateQueue") return sqsError(400, "QueueDoesNotExist", "It does not exist.");
    if (refusals-- > 0) {
      // Whatever the clock is set to meanwhile.
      setClock(day);
      return sqsError(400, "QueueDeletedRecently", "You must wait 60 seconds.");
    }
    return {
      body: JSON.stringify({ QueueUrl: `https://sqs.eu-central-1.amazonaws.com/1/${input.QueueName}` }),
    };
  }, false);
  const connection = await aws.connect();
  await connection.topology.ensure([item(queue)], call);
  expect(aws.of("CreateQueue")).toHaveLength(2);
});
