import { queue, topic } from "@waybill/core";
import { z } from "zod";

/** What the parts of the shop agree on. Nothing here knows the broker. */

const Order = z.object({ id: z.string(), customer: z.string(), total: z.number(), address: z.string() });
export type Order = z.infer<typeof Order>;

export const OrderPlaced = topic("orders.placed", { schema: Order, key: (order) => order.customer });

export const billingGroup = { topic: OrderPlaced, group: "billing" };
export const shippingGroup = { topic: OrderPlaced, group: "shipping" };

const Email = z.object({ to: z.string(), order: z.string(), subject: z.string() });
export type Email = z.infer<typeof Email>;

export const Emails = queue("emails", { schema: Email });

export const DeliveryQuote = queue("delivery.quotes", {
  schema: z.object({ address: z.string() }),
  reply: { schema: z.object({ price: z.number(), days: z.number() }) },
});
