import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { deliveryTransitions } from "../src/consuming/delivery-state.ts";
import { MessagingError, NonRetryableError, queue, type Subscription } from "../src/index.ts";
import type { ReceivedMessage } from "../src/spi/message.ts";
import { redriven, ScriptedDeadLetterQueue } from "./dead-letter-queue.ts";
import { ManualHandler } from "./manual-handler.ts";
import type { Script, ScriptedConsumer } from "./scripted-driver.ts";
import { connected, delivery, gate, type Workbench } from "./workbench.ts";

/** What happened to deliveries, as `state event`. */
const seen = vi.hoisted(() => new Set<string>());
vi.mock("../src/consuming/delivery-state.ts", async (original) => {
  const actual = await original<typeof import("../src/consuming/delivery-state.ts")>();
  return {
    ...actual,
    nextState(...[state, event]: Parameters<typeof actual.nextState>) {
      seen.add(`${state} ${event}`);
      return actual.nextState(state, event);
    },
  };
});

const Jobs = queue<number>("jobs");
const Keyed = queue<number>("keyed", { key: () => "k" });

interface Stage extends Workbench {
  readonly handler: ManualHandler;
  readonly subscription: Subscription;
  readonly consumer: ScriptedConsumer;
  lose(): Promise<void>;
}

/** One message is with its handler. */
async function staged(script: Script = {}, jobs = Jobs, options: object = {}): Promise<Stage> {
  const bench = await connected(script);
  const handler = new ManualHandler();
  const retry = { maxAttempts: 2, backoff: () => 1_000 };
  const subscription = await bench.client.consume(
    jobs,
    { retry, concurrency: 1, ...options },
    handler.handler,
  );
  const consumer = bench.driver.consumer();
  consumer.deliver(delivery(1, { key: "k" }));
  await bench.clock.settle();
  const lose = async () => {
    bench.driver.connection.hooks.lost(new MessagingError("CONNECTION_LOST", "gone"));
    await bench.clock.settle();
  };
  return { ...bench, handler, subscription, consumer, lose };
}

const settleNever: Script = { settle: () => gate<undefined>().opened };
const publishNever: Script = { publish: () => gate<undefined>().opened };

/** The message was dead-lettered, and its key waits for that. */
async function blocked(): Promise<Stage & { readonly deadLetters: ScriptedDeadLetterQueue }> {
  const deadLetters = new ScriptedDeadLetterQueue("keyed..dead");
  const stage = await staged(deadLetters.script, Keyed, { afterDeadLetter: "block" });
  stage.handler.fail(1, new NonRetryableError("never"));
  await stage.clock.settle();
  expect(stage.subscription.blockedKeys).toBe(1);
  return { ...stage, deadLetters };
}

/** How each transition comes about. */
const ways: Record<string, () => Promise<void>> = {
  "queued start": async () => void (await staged()),
  "queued delay": async () => {
    const { handler, subscription, consumer, client, driver, clock } = await staged({}, Keyed);
    const message = handler.delivery(1);
    handler.fail(1);
    await clock.settle();
    await subscription.close();
    expect(consumer.closedWith?.delayed.size).toBe(1);
    await client.consume(Keyed, handler.handler);
    driver.consumer().deliver(delivery(1, { id: message.id, key: "k" }));
    await clock.settle();
    expect(handler.began).toEqual(["1"]);
  },
  "queued lose": async () => {
    const { consumer, clock, lose } = await staged();
    consumer.deliver(delivery(2));
    await clock.settle();
    await lose();
  },
  "queued forget": async () => {
    const { consumer, clock, subscription, handler } = await staged();
    consumer.deliver(delivery(2));
    await clock.settle();
    const closing = subscription.close();
    handler.end(1);
    await closing;
    expect(consumer.settled).toEqual(["ack 1"]);
  },
  "running ack": async () => {
    const { handler, clock, consumer } = await staged();
    handler.end(1);
    await clock.settle();
    expect(consumer.settled).toEqual(["ack 1"]);
  },
  "running settle": async () => void (await (await staged()).handler.delivery(1).ack()),
  "running store": async () => {
    const { handler, clock, driver } = await staged({}, Jobs, { retry: { maxAttempts: 1 } });
    handler.fail(1);
    await clock.settle();
    expect(driver.sent("jobs..dead")).toHaveLength(1);
  },
  "running delay": async () => {
    const { handler, clock } = await staged({}, Keyed);
    handler.fail(1);
    await clock.pass(1_000);
    expect(handler.began).toEqual(["1", "1#2"]);
  },
  "running finish": async () => {
    const { handler, clock, subscription, consumer } = await staged();
    const closing = subscription.close({ timeoutMs: 10 });
    await clock.pass(20_000);
    await closing;
    handler.end(1);
    await clock.settle();
    expect(consumer.settled).toEqual([]);
  },
  "running lose": async () => void (await (await staged()).lose()),
  "finishing release": async () => void (await (await staged()).handler.delivery(1).ack()),
  "finishing finish": async () => {
    const { handler, clock } = await staged(settleNever);
    void handler.delivery(1).ack();
    handler.end(1);
    await clock.settle();
  },
  "finishing lose": async () => {
    const { handler, clock, lose } = await staged(settleNever);
    const settled = handler.delivery(1).ack();
    await clock.settle();
    await lose();
    expect(await settled).toBe("lost");
  },
  "released finish": async () => {
    const { handler, clock, consumer } = await staged();
    await handler.delivery(1).ack();
    handler.end(1);
    await clock.settle();
    expect(consumer.settled).toEqual(["ack 1"]);
  },
  "settling ack": async () => {
    const { handler, clock, consumer } = await staged({}, Jobs, { retry: { maxAttempts: 1 } });
    handler.fail(1);
    await clock.settle();
    expect(consumer.settled).toEqual(["ack 1"]);
  },
  "settling delay": async () => {
    const refused = new MessagingError("BROKER_ERROR", "no", { retryable: false });
    const { handler, clock } = await staged({
      capabilities: { retry: { how: "republish" } },
      publish: (batch) => batch.map(() => ({ ok: false, cause: refused })),
    });
    handler.fail(1);
    await clock.pass(1_000);
    expect(handler.began).toEqual(["1", "1#2"]);
  },
  "settling finish": async () => {
    const { handler, clock, subscription, consumer } = await staged(publishNever, Jobs, {
      retry: { maxAttempts: 1 },
    });
    handler.fail(1);
    await clock.settle();
    const closing = subscription.close({ timeoutMs: 10 });
    await clock.pass(20_000);
    await closing;
    expect(consumer.settled).toEqual([]);
  },
  "settling lose": async () => {
    const { handler, clock, lose } = await staged(publishNever, Jobs, { retry: { maxAttempts: 1 } });
    handler.fail(1);
    await clock.settle();
    await lose();
  },
  "delayed due": async () => {
    const { handler, clock } = await staged({}, Keyed);
    handler.fail(1);
    await clock.pass(1_000);
    expect(handler.began).toEqual(["1", "1#2"]);
  },
  "delayed lose": async () => {
    const { handler, clock, lose } = await staged({}, Keyed);
    handler.fail(1);
    await clock.settle();
    await lose();
  },
  "delayed forget": async () => {
    const { handler, clock, subscription } = await staged({}, Keyed);
    handler.fail(1);
    await clock.settle();
    await subscription.close();
  },
  "queued block": async () => {
    const { client, driver, clock, handler, subscription } = await blocked();
    const { id } = handler.delivery(1);
    await subscription.close();
    const next = await client.consume(Keyed, { afterDeadLetter: "block" }, handler.handler);
    driver.consumer().deliver(delivery(1, { id, key: "k" }));
    await clock.settle();
    expect(handler.began).toEqual(["1"]);
    expect(next.blockedKeys).toBe(1);
  },
  "settling block": async () => void (await blocked()),
  "blocking due": async () => {
    const { clock, handler, consumer, deadLetters } = await blocked();
    consumer.deliver(redriven(deadLetters.copies[0] as ReceivedMessage));
    await clock.settle();
    expect(handler.began).toEqual(["1", "1"]);
  },
  "blocking ack": async () => {
    const { clock, consumer, deadLetters } = await blocked();
    deadLetters.copies = [];
    await clock.pass(60_000);
    expect(consumer.settled).toEqual(["ack 1"]);
  },
  "blocking lose": async () => {
    const { lose, subscription } = await blocked();
    await lose();
    expect(subscription.blockedKeys).toBe(0);
  },
  "blocking forget": async () => {
    const { subscription, consumer } = await blocked();
    await subscription.close();
    expect(consumer.settled).toEqual([]);
    expect(consumer.startedAtClose).toHaveLength(1);
  },
  "acking release": async () => {
    const { handler, clock, subscription } = await staged();
    handler.end(1);
    await clock.settle();
    expect(subscription.held).toBe(0);
  },
  "acking lose": async () => {
    const { handler, clock, lose } = await staged(settleNever);
    handler.end(1);
    await clock.settle();
    await lose();
  },
  "orphaned finish": async () => {
    const { handler, clock, lose, errors } = await staged();
    await lose();
    handler.end(1);
    await clock.settle();
    expect(errors.map(({ code }) => code)).toContain("LEASE_LOST");
  },
};

const all = Object.entries(deliveryTransitions).flatMap(([state, events]) =>
  Object.keys(events).map((event) => `${state} ${event}`),
);

beforeEach(() => seen.clear());

it.each(all)("%s", async (transition) => {
  const way = ways[transition];
  if (way === undefined) throw new Error(`no test makes a delivery ${transition}`);
  await way();
  expect([...seen]).toContain(transition);
});

afterAll(() => void vi.restoreAllMocks());
