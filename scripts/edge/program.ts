// What an application does, with nothing but what every JavaScript runtime has: bundled and run by the tests beside it.
import { connect, deadLetterDetails, deadLetterOf, queue, topic } from "@waybill/core";
import { adapter } from "@waybill/memory";
import { z } from "zod";

/** What the program saw. */
export interface ProgramResult {
  readonly received: readonly string[];
  readonly attempts: readonly number[];
  readonly deadLettered: { readonly body: string; readonly attempts: number | undefined };
  readonly inOrder: readonly number[];
  readonly reply: number;
  readonly status: string;
}

const placed = topic<{ readonly id: string }>("orders.placed");
const jobs = queue<string>("jobs");
const steps = queue<number>("steps", { key: () => "one" });
const sums = queue("sums", { schema: z.array(z.number()), reply: { schema: z.number() } });

/** Publish and subscribe, retry, the dead-letter queue, order per key, request and reply. */
export async function run(): Promise<ProgramResult> {
  const client = await connect("memory:", { adapters: [adapter], requires: ["ordering", "requestReply"] });

  const received = new Collected<string>();
  await client.subscribe(placed, { group: "billing" }, ({ id }) => received.add(id));
  await client.publish(placed, { id: "o-1" });
  await client.publishBatch(placed, [{ id: "o-2" }, { id: "ünïcode" }]);

  const attempts = new Collected<number>();
  const dead = new Collected<ProgramResult["deadLettered"]>();
  await client.consume(jobs, { retry: { maxAttempts: 3, backoff: { initialMs: 5 } } }, (_, { attempt }) => {
    attempts.add(attempt);
    throw new Error("It cannot be done.");
  });
  await client.consume(deadLetterOf({ queue: jobs }), (value, delivery) =>
    dead.add({ body: new TextDecoder().decode(value), attempts: deadLetterDetails(delivery)?.attempts }),
  );
  await client.send(jobs, "impossible");

  const inOrder = new Collected<number>();
  await client.consume(steps, (step) => inOrder.add(step));
  for (let step = 0; step < 5; step++) await client.send(steps, step);

  await client.respond(sums, (numbers) => numbers.reduce((sum, number) => sum + number, 0));
  const reply = await client.request(sums, [1, 2, 39]);

  const result = {
    received: await received.first(3),
    attempts: await attempts.first(3),
    deadLettered: (await dead.first(1))[0] as ProgramResult["deadLettered"],
    inOrder: await inOrder.first(5),
    reply,
    status: client.health().status,
  };
  await client.close();
  return result;
}

/** What came, and a wait for more. */
class Collected<T> {
  readonly #values: T[] = [];
  #changed: () => void = () => {};

  add(value: T): void {
    this.#values.push(value);
    this.#changed();
  }

  async first(count: number): Promise<readonly T[]> {
    while (this.#values.length < count) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    return this.#values.slice(0, count);
  }
}
