import { DeleteMessageBatchCommand, SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { failuresIn, packed, sqsRequestBytes } from "./batches.ts";
import type { SqsDelivery } from "./delivery.ts";
import { metadataAttribute, stringAttribute, withoutDue } from "./mapping.ts";
import { longestDelay } from "./publisher.ts";

/**
 * What came before its time goes to the end of its queue again, with as much of SQS's
 * own delay as is needed or allowed. A copy, and not a longer invisibility: SQS counts
 * each receipt, and a message that has only waited is to come as for the first time.
 * The copy is stored before the original is deleted, so that a crash leaves one too many.
 */
export async function putBack(sqs: SQSClient, url: string, early: readonly SqsDelivery[]): Promise<void> {
  await Promise.all(packed(early, sizeOf, sqsRequestBytes).map((run) => putBackTogether(sqs, url, run)));
}

/** At most what it counts at AWS. */
function sizeOf({ native }: SqsDelivery): number {
  return JSON.stringify(native.MessageAttributes ?? {}).length * 2 + Buffer.byteLength(native.Body ?? "");
}

async function putBackTogether(sqs: SQSClient, url: string, early: readonly SqsDelivery[]): Promise<void> {
  const now = Date.now();
  const copies = early.map((delivery, place) => copyOf(delivery, place, now));
  const failures = failuresIn(
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: copies })),
    copies.length,
  );
  // What could not be copied comes again when its lease is over, and is tried again.
  const copied = early.filter((_, place) => failures[place] === undefined);
  if (copied.length > 0) {
    const Entries = copied.map(({ receipt }, place) => ({ Id: String(place), ReceiptHandle: receipt }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }));
  }
  const failure = failures.find((each) => each !== undefined);
  if (failure !== undefined) throw failure;
}

function copyOf({ native, due = 0 }: SqsDelivery, place: number, now: number) {
  const seconds = Math.max(0, Math.ceil((due - now) / 1_000));
  const attributes = { ...native.MessageAttributes };
  const metadata = attributes[metadataAttribute]?.StringValue;
  if (seconds <= longestDelay && metadata !== undefined) {
    attributes[metadataAttribute] = stringAttribute(withoutDue(metadata));
  }
  return {
    Id: String(place),
    MessageBody: native.Body,
    MessageAttributes: attributes,
    DelaySeconds: Math.min(longestDelay, seconds),
  };
}
