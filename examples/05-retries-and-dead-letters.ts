// A failing handler: retried with backoff, then dead-lettered; repaired, then brought back.
import { connect, deadLetterDetails, deadLetterOf, NonRetryableError, queue } from "@waybill/core";
import { scratch } from "./scratch.ts";
import { until } from "./until.ts";

const Invoices = queue<{ id: string }>("invoices");
const DeadInvoices = deadLetterOf({ queue: Invoices });

await using client = await connect(process.env.BROKER_URL ?? "memory:", scratch);

const sent: string[] = [];
let repaired = false;

const consumer = await client.consume(
  Invoices,
  { retry: { maxAttempts: 3, backoff: { initialMs: 50, factor: 2 } } },
  ({ id }, { attempt }) => {
    if (id === "i-flaky" && attempt < 3) throw new Error("the mail server is busy");
    // There is no point in trying this again: it is dead-lettered at once.
    if (id === "i-broken" && !repaired) throw new NonRetryableError("no address on file");
    sent.push(`${id} on attempt ${attempt}`);
  },
);

await client.sendBatch(Invoices, [{ id: "i-flaky" }, { id: "i-broken" }, { id: "i-fine" }]);
await until("two invoices are sent", () => sent.length === 2);
console.log(sent.sort().join(", "));

// Dead-lettered messages are in a queue, to be looked at, consumed or redriven.
for await (const failed of client.messages(DeadInvoices)) {
  const why = deadLetterDetails(failed);
  console.log(`dead-lettered from ${why?.source} after ${why?.attempts} attempt: ${why?.errorMessage}`);
  break; // Left unsettled, it goes back: we only looked.
}

repaired = true;
const { redriven } = await client.redrive({ queue: Invoices });
await until("the third invoice is sent", () => sent.length === 3);
console.log(`${redriven} redriven; ${sent.at(-1)}`);

await consumer.close();
await client.topology.remove(Invoices, DeadInvoices);
