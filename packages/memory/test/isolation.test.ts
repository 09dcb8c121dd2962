import { connect, topic } from "@waybill/core";
import { expect, it } from "vitest";
import { MemoryBroker, memory, virtualClock } from "../src/index.ts";

const Events = topic<{ readonly key: string; readonly n: number }>("events", { key: ({ key }) => key });

it("any number of followers of a key that waits for its retry hold up no other key, with defaults", async () => {
  const clock = virtualClock();
  const client = await connect(memory({ broker: new MemoryBroker({ clock }) }), {
    clock,
    logger: false,
    onError: () => {},
  });
  const others: number[] = [];
  const followers: number[] = [];
  let failures = 0;
  await client.subscribe(Events, { group: "g" }, ({ key, n }) => {
    if (key !== "waits") return void others.push(n);
    if (n > 0) return void followers.push(n);
    failures++;
    throw new Error("a message that fails every time");
  });
  const numbers = Array.from({ length: 5_000 }, (_, n) => n);
  await client.publishBatch(
    Events,
    numbers.map((n) => ({ key: "waits", n })),
  );
  await clock.advance(50);
  expect(failures).toBe(1);
  for (const n of numbers.slice(0, 10)) await client.publish(Events, { key: `other-${n}`, n });
  // Less than any backoff: nothing of the key that waits can have moved on.
  await clock.advance(10);
  expect(others).toEqual(numbers.slice(0, 10));
  expect({ failures, followers }).toEqual({ failures: 1, followers: [] });

  await clock.advance(120_000);
  expect(failures).toBe(5);
  expect(followers).toEqual(numbers.slice(1));
  await client.close();
});
