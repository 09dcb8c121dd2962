import type { ReceivedMessage } from "@waybill/core/spi";
import { expect, test } from "vitest";
import { virtualClock } from "../src/index.ts";
import { message, queue, texts, workbench } from "./workbench.ts";

async function bench(options = {}) {
  const bench = await workbench(options);
  await bench.ensure(queue("q"));
  return { ...bench, consumer: await bench.consume(queue("q")) };
}

test("a delayed message comes when it is due and not before; others pass it", async () => {
  const { publish, consumer, clock } = await bench();
  await publish(queue("q"), message("late", { delayMs: 500 }), message("sooner", { delayMs: 300 }), "now");
  expect(texts(await consumer.poll())).toEqual(["now"]);
  await clock.advance(299);
  expect(await consumer.poll()).toEqual([]);
  await clock.advance(1);
  expect(texts(await consumer.poll())).toEqual(["sooner"]);
  const waiting = consumer.receive();
  await clock.advance(200);
  expect(texts(await waiting)).toEqual(["late"]);
});

test("a delay longer than the longest timer is kept to the millisecond", async () => {
  const { publish, consumer, clock } = await bench();
  const hundredDays = 100 * 86_400_000;
  await publish(queue("q"), message("late", { delayMs: hundredDays }));
  await clock.advance(hundredDays - 1);
  expect(await consumer.poll()).toEqual([]);
  await clock.advance(1);
  expect(texts(await consumer.poll())).toEqual(["late"]);
});

test("an expired message is not delivered, and does not count as waiting", async () => {
  const { publish, consumer, clock, broker } = await bench();
  const expiresAt = clock.now() + 100;
  await publish(queue("q"), message("short", { expiresAt }), message("long", { expiresAt: expiresAt + 1 }));
  await clock.advance(100);
  expect(broker.resources.queues.get("q")?.backlog).toBe(1);
  expect(texts(await consumer.poll())).toEqual(["long"]);
});

test("a message that expires during its delay never comes", async () => {
  const { publish, consumer, clock, broker } = await bench();
  await publish(queue("q"), message("never", { delayMs: 200, expiresAt: clock.now() + 100 }));
  await clock.advance(150);
  expect(broker.resources.queues.get("q")?.backlog).toBe(0);
  await clock.advance(150);
  expect(await consumer.poll()).toEqual([]);
});

test("a message that expired in flight comes again: it may have failed, and is its consumer's to judge", async () => {
  const { publish, consumer, clock } = await bench();
  await publish(queue("q"), message("short", { expiresAt: clock.now() + 100 }));
  const [held] = await consumer.receive();
  await clock.advance(100);
  await consumer.retry(held);
  expect(await consumer.poll()).toMatchObject([{ redeliveries: 1 }]);
});

test("a retry comes after its delay with the count one higher, and meanwhile others go on", async () => {
  const { publish, consumer, clock } = await bench();
  await publish(queue("q"), "failing", "other");
  const [failing] = await consumer.receive(1);
  expect(await consumer.retry(failing, 1_000)).toEqual(["settled"]);
  expect(texts(await consumer.poll())).toEqual(["other"]);
  await clock.advance(999);
  expect(await consumer.poll()).toEqual([]);
  await clock.advance(1);
  const [again] = await consumer.poll();
  expect(again?.redeliveries).toBe(1);
  expect(again?.id).toBe(failing?.id);
  await consumer.retry(again);
  expect((await consumer.poll())[0]?.redeliveries).toBe(2);
});

test("a retry without delay goes behind what waits already", async () => {
  const { publish, consumer } = await bench();
  await publish(queue("q"), "1", "2", "3");
  const [first] = await consumer.receive(1);
  await consumer.retry(first);
  expect(texts(await consumer.poll())).toEqual(["2", "3", "1"]);
});

test("the first settlement wins, and a later one is lost", async () => {
  const { publish, consumer } = await bench();
  await publish(queue("q"), "1");
  const [delivery] = (await consumer.receive()) as [ReceivedMessage];
  expect(
    await consumer.settle([
      { delivery, outcome: "ack" },
      { delivery, outcome: "retry", delayMs: 0 },
    ]),
  ).toEqual(["settled", "lost"]);
  expect(await consumer.poll()).toEqual([]);
});

test("a delivery whose lease ends goes to another, and settling it then changes nothing", async () => {
  const { publish, consumer, clock, consume } = await bench({ leaseMs: 1_000 });
  const other = await consume(queue("q"));
  await publish(queue("q"), "1");
  const [late] = (await consumer.receive()) as [ReceivedMessage];
  await clock.advance(999);
  expect(await other.poll()).toEqual([]);
  await clock.advance(1);
  const [again] = (await other.poll()) as [ReceivedMessage];
  expect(again.redeliveries).toBe(1);
  expect(await consumer.ack(late)).toEqual(["lost"]);
  expect(await other.ack(again)).toEqual(["settled"]);
});

test("a lease that is renewed holds on, and renewing a lost one changes nothing", async () => {
  const { publish, consumer, clock } = await bench({ leaseMs: 1_000 });
  await publish(queue("q"), "renewed", "left");
  const [renewed, left] = (await consumer.receive()) as [ReceivedMessage, ReceivedMessage];
  for (let i = 0; i < 5; i++) {
    await clock.advance(900);
    await consumer.extend(renewed);
  }
  expect(texts(await consumer.poll())).toEqual(["left"]);
  expect(await consumer.extend(renewed, left)).toEqual([left]);
  expect(await consumer.ack(renewed, left)).toEqual(["settled", "lost"]);
});

test("receive waits for five seconds, then resolves with nothing", async () => {
  const { consumer, clock } = await bench();
  let resolved: readonly ReceivedMessage[] | undefined;
  void consumer.receive().then((batch) => {
    resolved = batch;
  });
  await clock.advance(4_999);
  expect(resolved).toBeUndefined();
  await clock.advance(1);
  expect(resolved).toEqual([]);
});

test("a clock that is set ahead or back ends no lease, lets no delayed message out and expires nothing", async () => {
  const steady = virtualClock(1_000_000);
  let skew = 0;
  const clock = {
    now: () => steady.now() + skew,
    monotonic: () => steady.now(),
    setTimeout: steady.setTimeout,
    clearTimeout: steady.clearTimeout,
  };
  for (const ms of [86_400_000, -86_400_000]) {
    const { publish, consume, ensure, connection } = await workbench({ clock, leaseMs: 10_000 });
    await ensure(queue("q"));
    const consumer = await consume(queue("q"));
    const now = (connection as { brokerTime?(): number | undefined }).brokerTime?.() ?? 0;
    await publish(queue("q"), "held");
    const [held] = await consumer.receive();
    await publish(
      queue("q"),
      message("late", { delayMs: 5_000 }),
      message("short", { expiresAt: now + 20_000 }),
    );
    skew += ms;
    await steady.advance(4_999);
    expect(texts(await consumer.poll())).toEqual(["short"]);
    await steady.advance(1);
    expect(texts(await consumer.poll())).toEqual(["late"]);
    await steady.advance(4_000);
    expect(await consumer.extend(held as never)).toEqual([]);
    await steady.advance(10_001);
    expect(texts(await consumer.poll())).toContain("held");
  }
});
