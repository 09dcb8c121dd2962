// One program, two brokers: only the URL differs.
import { connect, type Publisher, type Subscriber, type Subscription, topic } from "@waybill/core";
import { scratch } from "./scratch.ts";
import { until } from "./until.ts";

interface Payment {
  readonly order: string;
  readonly amount: number;
}

const PaymentReceived = topic<Payment>("payments.received");
const groups = ["ledger", "receipts"];

// Application code asks for no more than it needs, and never for a broker.
async function takePayments(shop: Publisher): Promise<void> {
  await shop.publishBatch(PaymentReceived, [
    { order: "o-1", amount: 20 },
    { order: "o-2", amount: 22 },
  ]);
}

function keepBooks(shop: Subscriber, group: string, books: Map<string, number>): Promise<Subscription> {
  return shop.subscribe(PaymentReceived, { group }, (payment) => {
    books.set(`${group}/${payment.order}`, payment.amount);
  });
}

async function run(url: string): Promise<string> {
  await using client = await connect(url, scratch);
  const books = new Map<string, number>();
  const subscriptions = await Promise.all(groups.map((group) => keepBooks(client, group, books)));
  await takePayments(client);
  await until("every group has both payments", () => books.size === 4);

  await Promise.all(subscriptions.map((subscription) => subscription.close()));
  await client.topology.remove(
    ...groups.map((group) => ({ topic: PaymentReceived, group })),
    PaymentReceived,
  );
  return [...books]
    .map(([entry, amount]) => `${entry}=${amount}`)
    .sort()
    .join(" ");
}

const embedded = await run("memory:");
const configured = await run(process.env.BROKER_URL ?? "memory:");
console.log(`embedded broker:   ${embedded}`);
console.log(`configured broker: ${configured}`);
console.log(embedded === configured ? "the same on both" : "different!");
