import { setTimeout as sleep } from "node:timers/promises";
import { CreateQueueCommand, type QueueAttributeName, type SQSClient } from "@aws-sdk/client-sqs";
import type { Call } from "@waybill/core/spi";
import { isAwsError } from "../errors.ts";

export type QueueAttributes = Partial<Record<QueueAttributeName, string>>;

/** SQS refuses the name of a removed queue for a minute; how long that is waited for, in milliseconds. */
const deletedRecentlyMs = 65_000;
const betweenTriesMs = 2_000;
/** Before its first use, a new queue needs a second: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html */
const firstUseMs = 1_000;

/** What every queue that keeps order is made with: high throughput, by message group. */
export const fifoAttributes: QueueAttributes = {
  FifoQueue: "true",
  DeduplicationScope: "messageGroup",
  FifoThroughputLimit: "perMessageGroupId",
};

/** Makes queues, and waits where SQS asks for it. */
export class NewQueues {
  readonly #sqs: SQSClient;
  readonly #firstUseMs: number;

  /** @param atOnce An emulator's queues can be used at once. */
  constructor(sqs: SQSClient, atOnce: boolean) {
    this.#sqs = sqs;
    this.#firstUseMs = atOnce ? 0 : firstUseMs;
  }

  /** Returns the URL. One that is there with the same attributes is no error. */
  async make(
    name: string,
    attributes: QueueAttributes,
    tags: Record<string, string> | undefined,
    { signal }: Call,
  ): Promise<string> {
    const input = { QueueName: name, Attributes: { MaximumMessageSize: "1048576", ...attributes } };
    const command = new CreateQueueCommand(tags === undefined ? input : { ...input, tags });
    const deadline = performance.now() + deletedRecentlyMs;
    for (;;) {
      try {
        const { QueueUrl = "" } = await this.#sqs.send(command, { abortSignal: signal });
        if (this.#firstUseMs > 0) await sleep(this.#firstUseMs, undefined, { signal });
        return QueueUrl;
      } catch (cause) {
        if (!isAwsError(cause, "QueueDeletedRecently") || performance.now() > deadline) throw cause;
      }
      await sleep(betweenTriesMs, undefined, { signal });
    }
  }
}
