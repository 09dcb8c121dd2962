// Start here: publish a message and handle it.
import { connect, topic } from "@waybill/core";
import { z } from "zod";
import { scratch } from "./scratch.ts";

// The contract: what publishers and subscribers of this topic agree on.
const OrderPlaced = topic("orders.placed", {
  schema: z.object({ id: z.string(), total: z.number() }),
});

// The only line that knows the broker.
await using client = await connect(process.env.BROKER_URL ?? "memory:", scratch);

const handled = Promise.withResolvers<void>();
const billing = await client.subscribe(OrderPlaced, { group: "billing" }, (order) => {
  console.log(`billing charges ${order.total} for ${order.id}`);
  handled.resolve(); // Returning acks the message; throwing would bring it back.
});

await client.publish(OrderPlaced, { id: "o-1", total: 42 }); // Resolves when the broker has it.
await handled.promise;

// The examples leave nothing behind on the broker; an application keeps its topics.
await billing.close();
await client.topology.remove({ topic: OrderPlaced, group: "billing" }, OrderPlaced);
