import { NonRetryableError, type Subscriber, type Subscription } from "@waybill/core";
import { tell } from "./account.ts";
import { OrderPlaced, shippingGroup } from "./contracts.ts";
import type { Ledger } from "./ledger.ts";

/** Where our map of the world can be fixed while the shop runs. */
export interface Atlas {
  readonly unknown: Set<string>;
}

/** Ships every order. An address nobody knows is no better on another attempt: straight to the dead-letter queue. */
export function startShipping(client: Subscriber, atlas: Atlas, ledger: Ledger): Promise<Subscription> {
  return client.subscribe(OrderPlaced, { group: shippingGroup.group }, (order) => {
    if (atlas.unknown.has(order.address)) {
      tell("trouble", `shipping cannot find "${order.address}": ${order.id} is dead-lettered`);
      ledger.deadLettered.add(order.id);
      throw new NonRetryableError(`unknown address: ${order.address}`);
    }
    tell("shipping", `${order.id} is on its way to ${order.address}`);
    if (ledger.deadLettered.has(order.id)) ledger.redriven.add(order.id);
    ledger.shipped.add(order.id);
  });
}
