import type { ReceivedMessage } from "@waybill/core/spi";
import { expect, test } from "vitest";
import { message, queue, type TestConsumer, texts, workbench } from "./workbench.ts";

const ordered = queue("q", { ordered: true });

async function bench(options = {}) {
  const bench = await workbench(options);
  await bench.ensure(ordered);
  const send = (...texts: string[]) =>
    bench.publish(
      ordered,
      ...texts.map((text) => message(text, text.startsWith("-") ? {} : { key: text[0] })),
    );
  return { ...bench, send, one: await bench.consume(ordered), two: await bench.consume(ordered) };
}

async function pollSorted(consumer: TestConsumer, max = 100) {
  return texts(await consumer.poll(max)).sort();
}

test("a key is with one member until nothing of it is unsettled", async () => {
  const { send, one, two } = await bench();
  await send("a1", "a2", "a3", "b1");
  const [a1] = (await one.receive(1)) as [ReceivedMessage];
  expect(a1.partition).toBe("a");
  expect(texts(await two.poll())).toEqual(["b1"]);
  const [a2] = (await one.receive(1)) as [ReceivedMessage];
  await one.ack(a1);
  expect(await two.poll()).toEqual([]);
  await one.ack(a2);
  expect(texts(await two.poll())).toEqual(["a3"]);
});

test("a key that becomes free goes to whoever waits", async () => {
  const { send, one, two } = await bench();
  await send("a1", "a2");
  const [a1] = (await one.receive(1)) as [ReceivedMessage];
  const waiting = two.receive();
  await one.ack(a1);
  expect(texts(await waiting)).toEqual(["a2"]);
});

test("keys take turns, so that a long one does not keep the others waiting", async () => {
  const { send, one } = await bench();
  await send("a1", "a2", "a3", "a4", "a5", "a6", "b1", "c1");
  const first = texts(await one.receive(4));
  expect(first).toContain("b1");
  expect(first).toContain("c1");
  expect(texts(await one.receive())).toEqual(["a3", "a4", "a5", "a6"]);
});

test("messages without a key that are handed back keep their order, before those that nobody had", async () => {
  const { send, one, two } = await bench();
  await send("-0", "a1", "-2", "a3", "-4", "-5");
  expect(await one.receive(5)).toHaveLength(5);
  await one.close();
  const keyless = texts(await two.poll()).filter((text) => text.startsWith("-"));
  expect(keyless).toEqual(["-0", "-2", "-4", "-5"]);
});

test("a message without a key that is retried goes to the end", async () => {
  const { send, one } = await bench();
  await send("-0", "-1");
  const [first] = (await one.receive(1)) as [ReceivedMessage];
  await one.retry(first);
  expect(texts(await one.poll())).toEqual(["-1", "-0"]);
});

test("messages without a key keep nobody waiting", async () => {
  const { send, one, two } = await bench();
  await send("-1", "-2", "a1");
  const [first] = (await one.receive(1)) as [ReceivedMessage];
  expect(first.partition).toBeUndefined();
  expect(await pollSorted(two)).toEqual(["-2", "a1"]);
});

test("what a member had of a key comes again in order, before what came later", async () => {
  const { send, one, two } = await bench();
  await send("a1", "a2", "a3");
  await one.receive(2);
  await send("a4");
  await one.close();
  const again = await two.poll();
  expect(texts(again)).toEqual(["a1", "a2", "a3", "a4"]);
  expect(again.map((delivery) => delivery.redeliveries)).toEqual([0, 0, 0, 0]);
});

test("a lost lease takes the later messages of its key along", async () => {
  const { send, one, two, clock } = await bench({ leaseMs: 1_000 });
  await send("a1", "a2", "b1");
  const held = await one.receive();
  await clock.advance(600);
  await one.extend(...held.filter((delivery) => !texts([delivery]).includes("a1")));
  await clock.advance(400);
  expect(texts(await two.poll())).toEqual(["a1", "a2"]);
  expect((await one.ack(...held)).toSorted()).toEqual(["lost", "lost", "settled"]);
});

test("a keyed message that goes back leaves the earlier ones of its key in flight, and waits for them", async () => {
  const { send, one, two } = await bench();
  await send("a1", "a2", "a3");
  const [a1, a2] = (await one.receive(2)) as [ReceivedMessage, ReceivedMessage];
  await one.retry(a2);
  expect(await two.poll()).toEqual([]);
  expect(await one.ack(a1)).toEqual(["settled"]);
  expect(texts(await two.poll())).toEqual(["a2", "a3"]);
});

test("a keyed message that is retried keeps its place, and its key waits for it", async () => {
  const { send, one, two, clock } = await bench();
  await send("a1", "a2", "a3", "b1");
  const held = await one.receive(3);
  const a1 = held.find((delivery) => texts([delivery])[0] === "a1");
  await one.retry(a1, 500);
  await clock.advance(499);
  expect(await two.poll()).toEqual([]);
  await clock.advance(1);
  expect(texts(await two.poll())).toEqual(["a1", "a2", "a3"]);
});

test("a keyed message that expires while it waits for its retry comes again, since it has failed", async () => {
  const { publish, one, two, clock, send } = await bench();
  await publish(ordered, message("a1", { key: "a", expiresAt: clock.now() + 100 }));
  await send("a2");
  const [a1] = await one.receive(1);
  await one.retry(a1, 500);
  await clock.advance(499);
  expect(await two.poll()).toEqual([]);
  await clock.advance(1);
  expect(texts(await two.poll())).toEqual(["a1", "a2"]);
});

test("keys that are held back wait, others come", async () => {
  const { send, one, two } = await bench();
  await two.close();
  await send("a1", "a2", "b1");
  const [a1] = (await one.receive(1)) as [ReceivedMessage];
  one.consumer.pausePartitions?.(["a"]);
  expect(texts(await one.poll())).toEqual(["b1"]);
  await one.ack(a1);
  expect(await one.poll()).toEqual([]);
  const waiting = one.receive();
  one.consumer.pausePartitions?.([]);
  expect(texts(await waiting)).toEqual(["a2"]);
});

test("any interleaving of many members keeps the order of every key", async () => {
  const { send, consume, one, two } = await bench();
  const keys = [..."abcdefgh"];
  for (let n = 0; n < 50; n++) await send(...keys.map((key) => `${key}${String(n).padStart(2, "0")}`));
  let consumers = [one, two, await consume(ordered)];
  const seen = new Map<string, string[]>(keys.map((key) => [key, []]));
  const random = generator(7);
  const inFlight = new Map<TestConsumer, ReceivedMessage[]>();
  let finished = 0;
  while (finished < 400) {
    const index = Math.floor(random() * consumers.length);
    const consumer = consumers[index] as TestConsumer;
    const held = inFlight.get(consumer) ?? [];
    inFlight.set(consumer, held);
    if (random() < 0.05) {
      await consumer.close();
      inFlight.delete(consumer);
      consumers = consumers.with(index, await consume(ordered));
    } else if (held.length === 0 || random() < 0.3) {
      held.push(...(await consumer.poll(1 + Math.floor(random() * 6))));
    } else {
      const delivery = held.shift() as ReceivedMessage;
      if ((await consumer.ack(delivery))[0] === "settled") {
        seen.get(delivery.key ?? "")?.push(...texts([delivery]));
        finished++;
      }
    }
  }
  for (const [key, list] of seen) expect(list, key).toEqual(list.toSorted());
});

/** A small repeatable source of randomness. */
function generator(seed: number) {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
