import type { Responder, Subscription } from "@waybill/core";
import { tell } from "./account.ts";
import { DeliveryQuote } from "./contracts.ts";

/** Answers what a delivery would cost. */
export function startCarrier(client: Responder<"requestReply">): Promise<Subscription> {
  return client.respond(DeliveryQuote, ({ address }) => {
    const far = address.includes("Moon");
    tell("carrier", `quotes a delivery to ${address}`);
    return far ? { price: 900, days: 30 } : { price: 5, days: 2 };
  });
}
