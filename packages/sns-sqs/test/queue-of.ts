import type { Consumer } from "@waybill/core/spi";
import { consume, sleep } from "../../../scripts/testing/workbench.ts";
import type { SnsSqsOptions } from "../src/index.ts";
import { batch, type Received, type Refusal, received } from "./answers.ts";
import { address } from "./places.ts";
import { type Asked, Recorded } from "./recorded.ts";

export const queue = address("queue", "jobs");

/** An SQS that has these messages for whoever asks first, and then none. */
export function queueOf(
  messages: readonly Received[],
  refuse: (asked: Asked) => readonly Refusal[] = () => [],
) {
  let left = [...messages];
  return new Recorded(async (asked) => {
    if (asked.action !== "ReceiveMessage") return batch(asked, ...refuse(asked));
    const given = left.slice(0, asked.input.MaxNumberOfMessages);
    left = left.slice(given.length);
    if (given.length === 0) await sleep(asked.input.WaitTimeSeconds * 1_000);
    return received(...given);
  });
}

export async function opened(
  aws: Recorded,
  from = queue,
  options: SnsSqsOptions = {},
  reports: unknown[] = [],
): Promise<Consumer> {
  return consume(await aws.connect({ waitSeconds: 1, ...options }, reports), from);
}

export const several = (count: number, fields: Partial<Received> = {}): Received[] =>
  Array.from({ length: count }, (_, n) => ({ body: `m${n}`, ...fields }));
