import { bytes, connect, topic } from "@waybill/core";
import { body, type Contestant, freshName, Span } from "./contestant.ts";

/** Waybill as an application uses it. The same code for every broker. */
export async function ours(url: string): Promise<Contestant> {
  const client = await connect(url);
  const contract = topic<Uint8Array>(freshName(), { codec: bytes });
  const subject = { topic: contract, group: "bench" };
  await client.topology.declare(subject);

  return {
    async publishOneByOne(count) {
      for (let i = 0; i < count; i++) await client.publish(contract, body);
    },
    async publishOutstanding(count, outstanding) {
      let left = count;
      const publisher = async () => {
        while (left-- > 0) await client.publish(contract, body);
      };
      await Promise.all(Array.from({ length: outstanding }, publisher));
    },
    async consume(count) {
      const span = new Span(count);
      const subscription = await client.subscribe(
        contract,
        { group: "bench", concurrency: 100, prefetch: 2_000 },
        () => span.seen(),
      );
      const ms = await span.done;
      await subscription.close();
      return ms;
    },
    async close() {
      await client.topology.remove(subject, contract);
      await client.close();
    },
  };
}
