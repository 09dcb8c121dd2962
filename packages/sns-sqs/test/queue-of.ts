import type { Consumer, Source } from "@waybill/core/spi";
import { call, sleep } from "../../../scripts/testing/workbench.ts";
import type { SnsSqsOptions } from "../src/index.ts";
import { address } from "./address.ts";
import { batch, type Received, type Refusal, received } from "./answers.ts";
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
  source: Partial<Source> = {},
): Promise<Consumer> {
  const connection = await aws.connect({ waitSeconds: 1, ...options }, reports);
  return connection.consume(
    {
      address: from,
      start: { from: "latest" },
      filter: undefined,
      prefetch: 100,
      prefetchBytes: 64 * 1024 * 1024,
      ...source,
    },
    { revoking: async () => {}, revoked: () => {} },
    call,
  );
}

export const several = (count: number, fields: Partial<Received> = {}): Received[] =>
  Array.from({ length: count }, (_, n) => ({ body: `m${n}`, ...fields }));
