import type { Address, Source, WireMessage } from "@waybill/core/spi";
import { nothingStarted } from "@waybill/core/spi";
import { memory } from "@waybill/memory";
import { body, type Contestant, freshName, Span } from "../contestant.ts";

/** The embedded broker's driver, called by itself: the difference is what core costs. */
export async function raw(): Promise<Contestant> {
  const signal = new AbortController().signal;
  const connection = await memory().connect({ lost() {}, report() {} }, { signal });
  const name = freshName();
  const topic: Address = {
    kind: "topic",
    name,
    group: undefined,
    brokerName: name,
    brokerGroup: undefined,
    ordered: false,
    retained: false,
  };
  const group: Address = { ...topic, kind: "group", group: "bench", brokerGroup: "bench" };
  const start = { from: "latest" } as const;
  await connection.topology.ensure([{ address: group, start, filter: undefined }], { signal });

  let ids = 0;
  const message = (): WireMessage => ({
    id: String(ids),
    publishToken: String(ids++),
    body,
    contentType: "application/octet-stream",
    key: undefined,
    timestamp: Date.now(),
    headers: {},
    delayMs: 0,
    expiresAt: undefined,
    replyTo: undefined,
    correlationId: undefined,
  });

  return {
    async publishOneByOne(count) {
      for (let i = 0; i < count; i++) await connection.publish(topic, [message()], { signal });
    },
    async publishOutstanding(count, outstanding) {
      for (let left = count; left > 0; left -= outstanding) {
        await connection.publish(topic, Array.from({ length: Math.min(left, outstanding) }, message), {
          signal,
        });
      }
    },
    async consume(count) {
      const span = new Span(count);
      const source: Source = {
        address: group,
        start,
        filter: undefined,
        prefetch: 1_000,
        prefetchBytes: 64e6,
      };
      const consumer = await connection.consume(source, { async revoking() {}, revoked() {} }, { signal });
      for (let left = count; left > 0; ) {
        const batch = await consumer.receive(1_000, { signal });
        for (const _delivery of batch) span.seen();
        left -= batch.length;
        await consumer.settle(
          batch.map((delivery) => ({ delivery, outcome: "ack" })),
          { signal },
        );
      }
      const ms = await span.done;
      await consumer.close(nothingStarted);
      return ms;
    },
    close: () => connection.close(),
  };
}
