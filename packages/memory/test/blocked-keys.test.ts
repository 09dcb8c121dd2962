import {
  type AnyQueue,
  type Client,
  type ConsumeOptions,
  connect,
  deadLetterOf,
  type Feature,
  NonRetryableError,
  queue,
  type Subscription,
} from "@waybill/core";
import { expect, it } from "vitest";
import { MemoryConnection } from "../src/connection.ts";
import { MemoryBroker, memory, virtualClock } from "../src/index.ts";

interface Job {
  readonly key: string;
  readonly n: number;
}

const Jobs = queue<Job>("jobs", { key: ({ key }) => key });
const deadLettered = deadLetterOf({ queue: Jobs });

/** Processes that share a broker and its time; what they handle fails for the keys that are broken. */
function stage() {
  const clock = virtualClock();
  const broker = new MemoryBroker({ clock });
  const handled: string[] = [];
  const failed: string[] = [];
  const warned: string[] = [];
  const broken = new Set<string>();
  const connections: MemoryConnection[] = [];
  const connected = () => {
    const driver = memory({ broker });
    const own = driver.connect.bind(driver);
    const watched = {
      ...driver,
      async connect(...given: Parameters<typeof own>) {
        const connection = await own(...given);
        if (connection instanceof MemoryConnection) connections.push(connection);
        return connection;
      },
    };
    return connect(watched, { clock, logger: false, onError: ({ code }) => warned.push(code) });
  };
  const begin = async (
    options: Omit<ConsumeOptions, "deadLetter"> & { readonly deadLetter?: AnyQueue } = {},
  ): Promise<{ client: Client<Feature>; subscription: Subscription }> => {
    const client = (await connected()) as unknown as Client<Feature>;
    const subscription = await client.consume(
      Jobs,
      { ...options, afterDeadLetter: "block" },
      ({ key, n }) => {
        const name = `${key}${n}`;
        if (!broken.has(key)) return void handled.push(name);
        failed.push(name);
        throw new NonRetryableError("broken");
      },
    );
    return { client, subscription };
  };
  const send = async (client: Client<Feature>, key: string, ...numbers: readonly number[]) => {
    for (const n of numbers) await client.send(Jobs, { key, n });
    await clock.advance(10);
  };
  /** Awaits what takes time of this broker's own. */
  const during = async <T>(work: Promise<T>): Promise<T> => {
    let isOver = false;
    const over = work.finally(() => {
      isOver = true;
    });
    over.catch(() => {});
    while (!isOver) await clock.advance(100);
    return over;
  };
  return { clock, broker, handled, failed, warned, broken, connections, begin, send, during };
}

it("a key waits through deployments, is run by none of them, and goes on in order when it is redriven", async () => {
  const { clock, handled, failed, broken, begin, send, during } = stage();
  broken.add("a");
  let process = await begin();
  await send(process.client, "a", 1, 2, 3);
  await send(process.client, "b", 1);
  for (let deployment = 0; deployment < 5; deployment++) {
    await during(process.client.close());
    process = await begin();
    await clock.advance(60_000);
    expect(process.subscription.blockedKeys).toBe(1);
  }
  expect(failed).toEqual(["a1"]);
  expect(handled).toEqual(["b1"]);
  broken.clear();
  await during(process.client.redrive({ queue: Jobs }));
  await clock.advance(1_000);
  expect(handled).toEqual(["b1", "a1", "a2", "a3"]);
  expect(process.subscription.held).toBe(0);
});

it("a key that waits goes on waiting when its process crashes", async () => {
  const { clock, handled, failed, broken, connections, begin, send } = stage();
  broken.add("a");
  const first = await begin();
  await send(first.client, "a", 1, 2);
  const second = await begin();
  const [connection] = connections;
  // Its own reconnect comes too late: the other has the key by then.
  connection?.break(new Error("gone"));
  await clock.advance(120_000);
  expect(first.subscription.blockedKeys + second.subscription.blockedKeys).toBe(1);
  expect(failed).toEqual(["a1"]);
  expect(handled).toEqual([]);
});

it("removing the dead-lettered message frees the key within minutes, whoever else looks", async () => {
  const { clock, handled, broken, begin, send, during } = stage();
  broken.add("a").add("b");
  const processes = [await begin(), await begin(), await begin()] as const;
  const [{ client }] = processes;
  await send(client, "a", 1, 2);
  await send(client, "b", 1, 2);
  await clock.advance(3_600_000);
  const blockedKeys = () => processes.reduce((sum, { subscription }) => sum + subscription.blockedKeys, 0);
  expect(blockedKeys()).toBe(2);
  broken.clear();
  const removing = (async () => {
    for await (const delivery of client.messages(deadLettered)) {
      if (!new TextDecoder().decode(delivery.body).includes('"a"')) continue;
      await delivery.ack();
      break;
    }
  })();
  await during(removing);
  await clock.advance(180_000);
  expect(handled).toEqual(["a2"]);
  expect(blockedKeys()).toBe(1);
});

it("a hundred keys that wait are as many as one to those who look, and cost no handler", async () => {
  const { clock, broker, handled, broken, begin, send } = stage();
  const { client, subscription } = await begin();
  for (let n = 0; n < 100; n++) broken.add(`k${n}`);
  for (const key of broken) await send(client, key, 0, 1);
  let joined = 0;
  const { resources } = broker;
  const count = () => resources.queues.get(deadLettered.name)?.members.size ?? 0;
  for (let second = 0; second < 600; second++) {
    await clock.advance(1_000);
    joined = Math.max(joined, count());
  }
  expect(joined).toBeLessThanOrEqual(1);
  expect(subscription).toMatchObject({ blockedKeys: 100, running: 0 });
  await send(client, "well", 1);
  expect(handled).toEqual(["well1"]);
});

it("a redrive of another queue that shares the dead-letter queue does not free the key", async () => {
  const { clock, handled, broken, begin, send, during } = stage();
  const Shared = queue<Job>("shared-dead");
  const Others = queue<Job>("others", { key: ({ key }) => key });
  const { client, subscription } = await begin({ deadLetter: Shared });
  const others: number[] = [];
  let othersFail = true;
  await client.consume(Others, { deadLetter: Shared }, ({ n }) => {
    if (othersFail) throw new NonRetryableError("broken");
    others.push(n);
  });
  broken.add("a");
  await client.send(Others, { key: "a", n: 9 });
  await send(client, "a", 1, 2);
  broken.clear();
  othersFail = false;
  const report = await during(client.redrive({ queue: Others }));
  expect(report).toMatchObject({ redriven: 1, ofOthers: 1 });
  await clock.advance(300_000);
  expect(others).toEqual([9]);
  expect(subscription.blockedKeys).toBe(1);
  await during(client.redrive({ queue: Jobs }));
  await clock.advance(1_000);
  expect(handled).toEqual(["a1", "a2"]);
});

it("the dead-lettered message removed while nobody runs is not handled again, and its key goes on", async () => {
  const { clock, handled, failed, broken, begin, send, during } = stage();
  broken.add("a");
  const first = await begin();
  await send(first.client, "a", 1, 2);
  await during(first.client.close());
  const operator = await begin();
  await during(operator.subscription.close());
  const removing = (async () => {
    for await (const delivery of operator.client.messages(deadLettered)) {
      await delivery.ack();
      break;
    }
  })();
  await during(removing);
  broken.clear();
  const second = await begin();
  await clock.advance(1_000);
  expect(second.subscription.blockedKeys).toBe(1);
  await clock.advance(120_000);
  expect(failed).toEqual(["a1"]);
  expect(handled).toEqual(["a2"]);
  expect(second.subscription.held).toBe(0);
});

it("a message redriven while nobody runs is handled once, in its place", async () => {
  const { clock, handled, failed, broken, begin, send, during } = stage();
  broken.add("a");
  const first = await begin();
  await send(first.client, "a", 1, 2, 3);
  await during(first.client.close());
  const operator = await begin();
  await during(operator.subscription.close());
  await during(operator.client.redrive({ queue: Jobs }));
  const second = await begin();
  await clock.advance(120_000);
  expect(failed, "it is still broken").toEqual(["a1", "a1"]);
  expect(second.subscription.blockedKeys).toBe(1);
  await during(second.client.close());
  broken.clear();
  const third = await begin();
  expect(await during(third.client.redrive({ queue: Jobs }))).toMatchObject({ redriven: 1 });
  await clock.advance(120_000);
  expect(handled).toEqual(["a1", "a2", "a3"]);
  expect(third.subscription.held).toBe(0);
});

it("a redriven message that had no turn before a close is handled once, in its place", async () => {
  const { clock, handled, broken, begin, send, during } = stage();
  broken.add("a");
  const first = await begin();
  await send(first.client, "a", 1, 2);
  first.subscription.pause();
  await during(first.client.redrive({ queue: Jobs }));
  await clock.advance(1_000);
  await during(first.client.close());
  broken.clear();
  const second = await begin();
  await clock.advance(120_000);
  expect(handled).toEqual(["a1", "a2"]);
  expect(second.subscription.held).toBe(0);
});
