import { bytes, connect, topic } from "@waybill/core";
import { body, type Entrant, freshName, Span } from "./contestant.ts";
import { publishMany } from "./scenario.ts";

/** What a subscription is told. What is left out has Waybill's default. */
export interface Tuning {
  readonly concurrency?: number;
  readonly prefetch?: number;
}

/** Waybill as an application uses it. The same code for every broker. */
export function waybill(tuning: Tuning): Entrant {
  return async (url) => {
    const client = await connect(url);
    const contract = topic<Uint8Array>(freshName(), { codec: bytes });
    const subject = { topic: contract, group: "bench" };
    await client.topology.declare(subject);

    return {
      async publishOneByOne(count) {
        for (let i = 0; i < count; i++) await client.publish(contract, body);
      },
      publishOutstanding: (count, outstanding) =>
        publishMany(count, outstanding, () => client.publish(contract, body)),
      async consume(count) {
        const span = new Span(count);
        const subscription = await client.subscribe(contract, { group: "bench", ...tuning }, () =>
          span.seen(),
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
  };
}
