import type { Queue, Subscription } from "@waybill/core";
import { tell } from "./account.ts";
import { Emails } from "./contracts.ts";
import type { Ledger } from "./ledger.ts";

const sendingMs = 20;

/** One of several competing workers: every e-mail goes to one of them. */
export function startMailer(client: Queue, name: string, ledger: Ledger): Promise<Subscription> {
  return client.consume(Emails, { concurrency: 2, prefetch: 2 }, async (email) => {
    await new Promise((resolve) => setTimeout(resolve, sendingMs));
    tell("mailer", `${name} sent "${email.subject}" for ${email.order} to ${email.to}`);
    ledger.emailed.add(email.order);
  });
}
