import type { Queue, Subscriber, Subscription } from "@waybill/core";
import { tell } from "./account.ts";
import { billingGroup, Emails, OrderPlaced } from "./contracts.ts";
import type { Ledger } from "./ledger.ts";

/** The customer whose bank is slow to say yes: every order of theirs fails twice before it is paid. */
const slowBank = "carol";

/** Charges every order once and asks for a receipt to be sent. */
export function startBilling(client: Subscriber & Queue, ledger: Ledger): Promise<Subscription> {
  return client.subscribe(
    OrderPlaced,
    { group: billingGroup.group, retry: { maxAttempts: 5, backoff: { initialMs: 100 } } },
    async (order, { attempt }) => {
      if (order.customer === slowBank && attempt <= 2) {
        tell("trouble", `billing of ${order.id} failed on attempt ${attempt}: the bank is busy`);
        ledger.retried.add(order.id);
        throw new Error("the bank is busy");
      }
      tell("billing", `charged ${order.customer} ${order.total} for ${order.id} (attempt ${attempt})`);
      // Confirmed before the order is acked: were the process to die in between, it would be sent again.
      await client.send(Emails, { to: order.customer, order: order.id, subject: "Your receipt" });
      ledger.billed.add(order.id);
    },
  );
}
