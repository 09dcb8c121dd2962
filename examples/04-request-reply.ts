// Request and reply: ask over the broker, await a typed answer.
import { connect, MessagingError, NonRetryableError, queue } from "@waybill/core";
import { z } from "zod";
import { scratch } from "./scratch.ts";

const Quote = queue("shipping.quote", {
  schema: z.object({ kilograms: z.number(), to: z.string() }),
  reply: { schema: z.object({ price: z.number() }) },
});

// Naming what the application needs makes an unfit broker a clear error at start-up.
await using client = await connect(process.env.BROKER_URL ?? "memory:", {
  ...scratch,
  requires: ["requestReply"],
});

const responder = await client.respond(Quote, ({ kilograms, to }) => {
  if (to === "the moon") throw new NonRetryableError("no carrier goes there");
  return { price: 5 + 2 * kilograms };
});

const [light, heavy] = await Promise.all([
  client.request(Quote, { kilograms: 1, to: "Oslo" }),
  client.request(Quote, { kilograms: 10, to: "Lima" }),
]);
console.log(`1 kg to Oslo: ${light.price}`);
console.log(`10 kg to Lima: ${heavy.price}`);

try {
  await client.request(Quote, { kilograms: 1, to: "the moon" });
} catch (error) {
  if (!MessagingError.isInstance(error)) throw error;
  console.log(`the moon: ${error.code}`);
}

await responder.close();
await client.topology.remove(Quote);
