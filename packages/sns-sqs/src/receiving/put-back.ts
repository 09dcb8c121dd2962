import { DeleteMessageBatchCommand, SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { failuresIn, packed, sqsRequestBytes } from "../client/batches.ts";
import type { SnsSqsDelivery } from "../delivery.ts";
import { attributesOfCopy } from "../mapping.ts";
import { longestDelay } from "../publisher.ts";

/**
 * Puts messages into their queue again as if they had not been received: what came
 * before its time, with as much of SQS's own delay as is needed or allowed, and what
 * is handed back. Copies, since SQS counts each receipt of a message, and neither waiting
 * nor a receipt that no handler saw is an attempt: only `started` deliveries count. A copy is stored before its original is deleted, so that a
 * crash leaves one too many. Not for queues that keep order: a copy is the last in it.
 * Returns those that could not be copied; they are as they were.
 */
export async function putBack(
  sqs: SQSClient,
  url: string,
  deliveries: readonly SnsSqsDelivery[],
  started: ReadonlySet<object>,
): Promise<readonly SnsSqsDelivery[]> {
  const left: SnsSqsDelivery[] = [];
  const copies: Copy[] = [];
  for (const delivery of deliveries) {
    const copy = copyOf(delivery, started.has(delivery));
    if (copy === undefined) left.push(delivery);
    else copies.push(copy);
  }
  const put = async (run: readonly Copy[]): Promise<void> => {
    left.push(...(await putTogether(sqs, url, run).catch(() => run.map(({ delivery }) => delivery))));
  };
  await Promise.all(packed(copies, ({ bytes }) => bytes, sqsRequestBytes).map(put));
  return left;
}

type Copy = NonNullable<ReturnType<typeof copyOf>>;

function copyOf(delivery: SnsSqsDelivery, started: boolean) {
  const { native, restMs, carried, redeliveries } = delivery;
  const seconds = Math.ceil(restMs / 1_000);
  const beyond = seconds > longestDelay ? restMs : undefined;
  // What came too early was received without being delivered; what a handler was called with was an attempt.
  const attempts = restMs > 0 ? carried : redeliveries + (started ? 1 : 0);
  const MessageAttributes = attributesOfCopy(native, delivery, attempts, beyond);
  if (MessageAttributes === undefined) return undefined;
  const bytes = Buffer.byteLength(native.Body ?? "") + Buffer.byteLength(JSON.stringify(MessageAttributes));
  const entry = {
    MessageBody: native.Body,
    MessageAttributes,
    DelaySeconds: Math.min(longestDelay, seconds),
  };
  return { delivery, bytes, entry };
}

async function putTogether(sqs: SQSClient, url: string, copies: readonly Copy[]): Promise<SnsSqsDelivery[]> {
  const Entries = copies.map(({ entry }, place) => ({ Id: String(place), ...entry }));
  const answer = await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
  const failures = failuresIn(answer, copies.length);
  const stored = copies.filter((_, place) => failures[place] === undefined);
  if (stored.length > 0) {
    const originals = stored.map(({ delivery }, place) => ({
      Id: String(place),
      ReceiptHandle: delivery.receipt,
    }));
    // Where this fails there is one too many, when the lease of the original is over.
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries: originals })).catch(() => {});
  }
  return copies.flatMap(({ delivery }, place) => (failures[place] === undefined ? [] : [delivery]));
}
