import { bytes, connect, type Subscription, topic } from "@waybill/core";
import { eventLoopTurns } from "@waybill/core/spi";
import { afterEach, expect, test } from "vitest";
import { MemoryBroker, memory } from "../src/index.ts";
import { topic as address, workbench } from "./workbench.ts";

// Each unit of work takes a millisecond of the event loop, and a turn ten: a turn has place for
// some ten of them. What is asserted leaves room for what is not counted, and is far below the
// hundreds that a loop does which asks for no turn.
const unitMs = 1;
const mostInOneTurn = 30;
const groupCount = 150;

const groups = Array.from({ length: groupCount }, (_, index) => `g-${index}`);
const subscriptions: Subscription[] = [];

afterEach(async () => {
  await Promise.all(subscriptions.splice(0).map((subscription) => subscription.close()));
});

/** Counts what is done between two timers. */
class WorkMeter {
  most = 0;
  total = 0;
  #inThisTurn = 0;
  readonly #timer = setInterval(() => {
    this.#inThisTurn = 0;
  }, 1);

  readonly work = (): void => {
    for (const until = performance.now() + unitMs; performance.now() < until; );
    this.total++;
    this.most = Math.max(this.most, ++this.#inThisTurn);
  };

  /** Resolves when so much is done. */
  async done(total: number): Promise<void> {
    while (this.total < total) await new Promise((resolve) => setTimeout(resolve, 5));
    clearInterval(this.#timer);
    expect(this.total).toBe(total);
    expect(this.most).toBeLessThanOrEqual(mostInOneTurn);
  }
}

/** The longest time of the processor that passes between two timers, as a part of all that the work takes. */
async function longestTurnOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = process.threadCpuUsage();
  let before = startedAt;
  let longest = 0;
  const look = () => {
    const now = process.threadCpuUsage();
    longest = Math.max(longest, now.user + now.system - before.user - before.system);
    before = now;
  };
  const timer = setInterval(look, 1);
  await work();
  await new Promise((resolve) => setTimeout(resolve, 5));
  clearInterval(timer);
  return longest / (before.user + before.system - startedAt.user - startedAt.system);
}

const contract = topic<Uint8Array>("t", { codec: bytes });
const body = new Uint8Array(16);

test("the handlers of many groups that one message wakes share a turn", async () => {
  await using client = await connect(memory());
  const meter = new WorkMeter();
  for (const group of groups) subscriptions.push(await client.subscribe(contract, { group }, meter.work));
  await client.publish(contract, body);
  await meter.done(groupCount);
});

test("so do those of groups that begin one after the other with a backlog", async () => {
  await using client = await connect(memory());
  const meter = new WorkMeter();
  await client.topology.declare(...groups.map((group) => ({ topic: contract, group })));
  await client.publish(contract, body);
  for (const group of groups) subscriptions.push(await client.subscribe(contract, { group }, meter.work));
  await meter.done(groupCount);
});

test("so do settlements", async () => {
  const broker = new MemoryBroker();
  await using client = await connect(memory({ broker }));
  for (const group of groups) subscriptions.push(await client.subscribe(contract, { group }, () => {}));
  const meter = new WorkMeter();
  broker.observe({ settled: meter.work });
  await client.publish(contract, body);
  await meter.done(groupCount);
});

test("so do publishes that are awaited one after the other", async () => {
  await using client = await connect(memory());
  const meter = new WorkMeter();
  const codec = {
    contentType: "text/plain",
    encode: () => {
      meter.work();
      return body;
    },
    decode: () => "",
  };
  const worked = topic<string>("worked", { codec });
  for (let i = 0; i < groupCount; i++) await client.publish(worked, "");
  await meter.done(groupCount);
});

test("so does the closing of many subscriptions", async () => {
  const meter = new WorkMeter();
  const driver = memory();
  const connectDriver = driver.connect.bind(driver);
  const busyToClose = Object.assign(driver, {
    connect: async (...given: Parameters<typeof driver.connect>) => {
      const connection = await connectDriver(...given);
      const consume = connection.consume.bind(connection);
      return Object.assign(connection, {
        consume: async (...from: Parameters<typeof consume>) => {
          const consumer = await consume(...from);
          const close = consumer.close.bind(consumer);
          return Object.assign(consumer, {
            close: (...options: Parameters<typeof close>) => {
              meter.work();
              return close(...options);
            },
          });
        },
      });
    },
  });
  await using client = await connect(busyToClose);
  for (const group of groups) subscriptions.push(await client.subscribe(contract, { group }, () => {}));
  await Promise.all(subscriptions.splice(0).map((subscription) => subscription.close()));
  await meter.done(groupCount);
});

test("what a handler sets off counts as well, however many handlers end at once", async () => {
  await using client = await connect(memory());
  const meter = new WorkMeter();
  const setOff = () => void Promise.resolve().then(meter.work);
  await client.topology.declare({ topic: contract, group: "g" });
  await client.publishBatch(contract, Array<Uint8Array>(400).fill(body));
  subscriptions.push(await client.subscribe(contract, { group: "g", concurrency: 500 }, setOff));
  while (meter.total < 400) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(meter.most).toBeLessThanOrEqual(100);
});

test("a batch for many groups is stored over several turns", async () => {
  await using client = await connect(memory());
  await client.topology.declare(...groups.map((group) => ({ topic: contract, group })));
  const batch = Array<Uint8Array>(1_000).fill(body);
  const longest = await longestTurnOf(async () => {
    for (let i = 0; i < 3; i++) await client.publishBatch(contract, batch);
  });
  expect(longest).toBeLessThan(0.5);
});

test("a replay is prepared over several turns", async () => {
  await using client = await connect(memory());
  const retained = topic<Uint8Array>("retained", { codec: bytes, retained: true });
  for (let i = 0; i < 20; i++) await client.publishBatch(retained, Array<Uint8Array>(1_000).fill(body));
  const longest = await longestTurnOf(async () => {
    const beginning = Array.from({ length: 10 }, () =>
      client.subscribe(retained, { broadcast: true, start: "earliest" }, () => {}),
    );
    subscriptions.push(...(await Promise.all(beginning)));
  });
  expect(longest).toBeLessThan(0.5);
});

/** Uses up this turn of the event loop, so that whoever asks now has to wait. */
function useUpTurn(): void {
  for (const until = performance.now() + 20; !eventLoopTurns.isOver || performance.now() < until; );
}

test("what is published while a replay is prepared comes after the past", async () => {
  const { ensure, publish, consume } = await workbench();
  const retained = address("t", { retained: true });
  await ensure(retained);
  for (let i = 0; i < 200; i++) await publish(retained, `past ${i}`);
  useUpTurn();
  const consuming = consume(retained, { start: { from: "earliest" } });
  await publish(retained, "meanwhile");
  const consumer = await consuming;
  const texts = (await consumer.receive(1_000)).map(({ body }) => new TextDecoder().decode(body));
  expect(texts).toHaveLength(201);
  expect(texts.at(-1)).toBe("meanwhile");
});

test("a replay whose topic is removed while it is prepared is refused", async () => {
  const { ensure, publish, consume, connection } = await workbench();
  const retained = address("t", { retained: true });
  await ensure(retained);
  for (let i = 0; i < 200; i++) await publish(retained, "past");
  useUpTurn();
  const consuming = consume(retained, { start: { from: "earliest" } });
  await connection.topology.remove([retained], { signal: new AbortController().signal });
  await expect(consuming).rejects.toMatchObject({ code: "NOT_FOUND" });
});
