// A small shop on any broker: `npm run demo`, or with BROKER_URL=amqp://… and nothing else changed.
import { randomUUID } from "node:crypto";
import { connect, deadLetterOf } from "@waybill/core";
import { until } from "../until.ts";
import { heading, tell } from "./account.ts";
import { startBilling } from "./billing.ts";
import { startCarrier } from "./carrier.ts";
import { billingGroup, DeliveryQuote, Emails, OrderPlaced, shippingGroup } from "./contracts.ts";
import { Ledger } from "./ledger.ts";
import { startMailer } from "./mailer.ts";
import { orders, quoted, unknownAddress } from "./orders.ts";
import { startShipping } from "./shipping.ts";

await using client = await connect(process.env.BROKER_URL ?? "memory:", {
  requires: ["ordering", "requestReply"],
  prefix: `shop-${randomUUID().slice(0, 8)}.`, // Names of its own, so that two demos can share a broker.
});
const { adapter, name, version } = client.broker;
console.log(`The shop opens on ${name}${version === undefined ? "" : ` ${version}`} (adapter: ${adapter}).`);

const ledger = new Ledger();
const atlas = { unknown: new Set([unknownAddress]) };
const everything = [billingGroup, shippingGroup, OrderPlaced, Emails, DeliveryQuote] as const;
// A group that is declared keeps what is published before its members start.
await client.topology.declare(...everything);

try {
  heading("A quote before buying: request and reply");
  await using _carrier = await startCarrier(client);
  for (const address of quoted) {
    const { price, days } = await client.request(DeliveryQuote, { address });
    tell("shop", `delivery to ${address}: ${price}, in ${days} days`);
    ledger.quotes++;
  }

  heading("Twelve orders: every group gets each, and three mailers share the receipts");
  await client.publishBatch(OrderPlaced, orders);
  for (const { id } of orders) ledger.placed.add(id);
  tell("shop", `${orders.length} orders are confirmed by the broker, before anybody has read them`);

  await using _billing = await startBilling(client, ledger);
  await using _shipping = await startShipping(client, atlas, ledger);
  await using _ada = await startMailer(client, "Ada", ledger);
  await using _ben = await startMailer(client, "Ben", ledger);
  await using _cleo = await startMailer(client, "Cleo", ledger);

  const lost = orders.filter((order) => order.address === unknownAddress).length;
  await until("every order is charged", () => ledger.billed.size === orders.length);
  await until("every receipt is sent", () => ledger.emailed.size === orders.length);
  await until("all known addresses are served", () => ledger.shipped.size === orders.length - lost);
  await until("the others are dead-lettered", () => ledger.deadLettered.size === lost);

  heading("The map is fixed: the dead-lettered orders come back");
  atlas.unknown.clear();
  let redriven = 0;
  await until("every dead-lettered order has been redriven", async () => {
    redriven += (await client.redrive(shippingGroup)).redriven;
    return redriven >= lost;
  });
  tell("shop", `${redriven} dead-lettered orders went back to shipping`);
  await until("every order is shipped", () => ledger.shipped.size === orders.length);
} finally {
  await client.topology.remove(...everything, deadLetterOf(billingGroup), deadLetterOf(shippingGroup));
}

heading("Closing time: what was done");
console.log(JSON.stringify(ledger.counts()));
