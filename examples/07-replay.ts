// Replay: read a topic again from the start, without disturbing those who follow it live.
import { connect, topic } from "@waybill/core";
import { scratch } from "./scratch.ts";
import { until } from "./until.ts";

interface Entry {
  readonly account: string;
  readonly amount: number;
}

// `retained`: messages stay after they were consumed. A log keeps them anyway.
const Booked = topic<Entry>("ledger.booked", { key: (entry) => entry.account, retained: true });

await using client = await connect(process.env.BROKER_URL ?? "memory:", {
  ...scratch,
  requires: ["broadcast", "ordering", "replay"],
});

let live = 0;
const following = await client.subscribe(Booked, { group: "statements" }, () => void live++);

for (const amount of [100, -30, 12]) await client.publish(Booked, { account: "a-1", amount });
await until("the live group has handled everything", () => live === 3);

// A new report, long after the fact: no group, from the beginning, gone when it is closed.
const amounts: number[] = [];
for await (const delivery of client.messages(Booked, { broadcast: true, start: "earliest" })) {
  amounts.push(delivery.value.amount);
  await delivery.ack();
  if (amounts.length === 3) break;
}
console.log(`replayed ${amounts.join(" ")}`);
console.log(`balance ${amounts.reduce((sum, amount) => sum + amount, 0)}`);
console.log(`the live group handled ${live}`);

await following.close();
await client.topology.remove({ topic: Booked, group: "statements" }, Booked);
