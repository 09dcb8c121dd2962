import { describe, expect, it } from "vitest";
import { givenUpRedeliveries } from "../src/consuming/handed-back-marks.ts";
import { NonRetryableError, type Observer, queue, topic } from "../src/index.ts";
import type { ReceivedMessage } from "../src/spi/message.ts";
import { redriven, ScriptedDeadLetterQueue } from "./dead-letter-queue.ts";
import { ManualHandler } from "./manual-handler.ts";
import { type Script, VendorError } from "./scripted-driver.ts";
import { connected, delivery, failureOf, type Workbench } from "./workbench.ts";

const Keyed = queue<string>("keyed", { key: () => "k" });
const isBlocked = { afterDeadLetter: "block", concurrency: 1 } as const;

async function staged(script: Script = {}, options: object = {}) {
  const deadLetters = new ScriptedDeadLetterQueue("keyed..dead");
  const bench = await connected({ ...deadLetters.script, ...script });
  const handler = new ManualHandler();
  const subscription = await bench.client.consume(Keyed, { ...isBlocked, ...options }, handler.handler);
  const consumer = bench.driver.consumer("keyed");
  const deliver = async (...messages: readonly ReceivedMessage[]) => {
    consumer.deliver(...messages);
    await bench.clock.settle();
  };
  return { ...bench, deadLetters, handler, subscription, consumer, deliver };
}

const a = (value: string, rest: Partial<ReceivedMessage> = {}) => delivery(value, { key: "a", ...rest });
const b = (value: string, rest: Partial<ReceivedMessage> = {}) => delivery(value, { key: "b", ...rest });

/** `a1` is dead-lettered, `a2` and `b1` are behind it. */
async function blocked(script: Script = {}, options: object = {}) {
  const stage = await staged(script, options);
  await stage.deliver(a("a1"), a("a2"), b("b1"));
  stage.handler.fail("a1", new NonRetryableError("no"));
  await stage.clock.settle();
  return { ...stage, copy: stage.deadLetters.copies[0] as ReceivedMessage };
}

const codes = ({ errors }: Pick<Workbench, "errors">) => errors.map(({ code }) => code);

describe("after a dead-lettered message", () => {
  it("its key goes on, unless the application asked for more", async () => {
    const { handler, consumer, subscription, clock } = await blocked({}, { afterDeadLetter: undefined });
    handler.end("b1");
    await clock.settle();
    expect(handler.began).toEqual(["a1", "b1", "a2"]);
    expect(consumer.settled).toEqual(['ack "a1"', 'ack "b1"']);
    expect(subscription.blockedKeys).toBe(0);
  });

  it("its key waits where that is asked for, at no handler's cost, and others go on", async () => {
    const { handler, consumer, subscription, client, clock } = await blocked();
    expect(handler.began).toEqual(["a1", "b1"]);
    expect(subscription).toMatchObject({ blockedKeys: 1, running: 1 });
    expect(client.health().subscriptions[0]?.blockedKeys).toBe(1);
    handler.end("b1");
    await clock.pass(3_600_000);
    expect(consumer.settled).toEqual(['ack "b1"']);
    expect(handler.began).toEqual(["a1", "b1"]);
  });

  it("that is told of once, with the message, its key and what to do", async () => {
    const stage = await blocked();
    await stage.clock.pass(3_600_000);
    expect(codes(stage)).toEqual(["DEAD_LETTERED", "KEY_BLOCKED"]);
    const [, told] = stage.errors;
    expect(told?.details).toMatchObject({ id: stage.copy.id, key: "a", source: "keyed" });
    expect(told?.remedy).toBe('Redrive that message, or remove it from "keyed..dead".');
  });

  it("an observer hears when a key is blocked, and by its settlement when it is no more", async () => {
    const deadLetters = new ScriptedDeadLetterQueue("keyed..dead");
    const heard: string[] = [];
    const observer: Observer = {
      keyBlocked: ({ name }, { key }) => heard.push(`${name} ${key} blocked`),
      settled: (_from, { key }, outcome, result) => heard.push(`${key} ${outcome} ${result}`),
    };
    const { client, driver, clock } = await connected(deadLetters.script, { observer });
    await client.consume(Keyed, isBlocked, () => {
      throw new NonRetryableError("no");
    });
    driver.consumer("keyed").deliver(a("a1"));
    await clock.settle();
    expect(heard).toEqual(["keyed a blocked"]);
    deadLetters.copies = [];
    await clock.pass(120_000);
    expect(heard).toEqual(["keyed a blocked", "a dead-letter settled"]);
  });

  it("the same when the handler rejects it by hand, once that handler has ended", async () => {
    const { deliver, handler, clock, subscription } = await staged();
    await deliver(a("a1"), a("a2"));
    expect(await handler.delivery("a1").reject("no")).toBe("settled");
    expect(subscription.blockedKeys).toBe(0);
    handler.end("a1");
    await clock.settle();
    expect(subscription.blockedKeys).toBe(1);
    expect(handler.began).toEqual(["a1"]);
  });

  it("the same in the pull style", async () => {
    const deadLetters = new ScriptedDeadLetterQueue("keyed..dead");
    const { client, driver, clock } = await connected(deadLetters.script);
    const deliveries = client.messages(Keyed, { afterDeadLetter: "block" });
    const taking = deliveries.next();
    await clock.settle();
    driver.consumer("keyed").deliver(a("a1"), a("a2"), b("b1"));
    const { value: first } = await taking;
    await first?.reject();
    expect((await deliveries.next()).value?.value).toBe("b1");
  });

  it("a message without a key blocks nothing", async () => {
    const { deliver, handler, consumer, clock, subscription } = await staged();
    await deliver(delivery("1"), delivery("2"));
    handler.fail("1", new NonRetryableError("no"));
    await clock.settle();
    expect(handler.began).toEqual(["1", "2"]);
    expect(consumer.settled).toEqual(['ack "1"']);
    expect(subscription.blockedKeys).toBe(0);
  });

  it("nothing is blocked by what its dead-letter queue refuses for good: it is dropped, and told of", async () => {
    const refused = new VendorError("MESSAGE_TOO_LARGE");
    const stage = await blocked({ publish: (batch) => batch.map(() => ({ ok: false, cause: refused })) });
    expect(codes(stage)).toEqual(["DROPPED"]);
    expect(stage.consumer.settled).toEqual(['ack "a1"']);
  });
});

describe("a blocked key goes on", () => {
  it("when the copy is redriven: the original runs anew in its place, and both are acked when it is done", async () => {
    const { handler, deliver, consumer, clock, copy, subscription } = await blocked();
    handler.end("b1");
    await clock.settle();
    await deliver(a("a3"), redriven(copy));
    expect(handler.began).toEqual(["a1", "b1", "a1"]);
    expect(subscription.blockedKeys).toBe(0);
    expect(consumer.settled).toEqual(['ack "b1"']);
    handler.end("a1");
    await clock.settle();
    expect(consumer.settlements.slice(1).flat()).toHaveLength(2);
    handler.end("a2");
    await clock.settle();
    expect(handler.began).toEqual(["a1", "b1", "a1", "a2", "a3"]);
  });

  it("though its time to live is over, as its copy has none", async () => {
    const { deliver, handler, clock, deadLetters } = await staged();
    await deliver(a("a1", { expiresAt: 1_000_500 }));
    handler.fail("a1", new NonRetryableError("no"));
    await clock.pass(1_000);
    await deliver(redriven(deadLetters.copies[0] as ReceivedMessage));
    expect(handler.began).toEqual(["a1", "a1"]);
  });

  it("and is blocked once more when the original fails again, with nothing left of the first copy", async () => {
    const { handler, deliver, consumer, clock, copy, subscription, deadLetters } = await blocked();
    deadLetters.copies = [];
    handler.end("b1");
    await deliver(redriven(copy));
    handler.fail("a1", new NonRetryableError("no"));
    await clock.settle();
    expect(subscription.blockedKeys).toBe(1);
    expect(deadLetters.copies[0]?.headers).toMatchObject({ "waybill-redrive-run": "run-0001" });
    expect(consumer.settled).toHaveLength(2);
    // The same redrive has nothing more to bring back.
    await deliver(redriven(copy));
    expect(handler.began).toEqual(["a1", "b1", "a1"]);
    await deliver(redriven(deadLetters.copies[0] as ReceivedMessage, "run-0001,run-0002"));
    expect(handler.began).toEqual(["a1", "b1", "a1", "a1"]);
  });

  it("when two looks in a row have not found the copy: the original is acked", async () => {
    const { handler, consumer, clock, deadLetters, subscription } = await blocked();
    handler.end("b1");
    await clock.pass(30_000);
    expect(subscription.blockedKeys).toBe(1);
    deadLetters.copies = [];
    const { looks } = deadLetters;
    await clock.pass(120_000);
    expect(deadLetters.looks - looks).toBe(2);
    expect(consumer.settled).toEqual(['ack "b1"', 'ack "a1"']);
    expect(handler.began).toEqual(["a1", "b1", "a2"]);
  });

  it("not when a look was not complete, or failed: others may have in hand what it did not see", async () => {
    const { clock, deadLetters, subscription, errors } = await blocked();
    deadLetters.copies = [];
    deadLetters.told = 1;
    await clock.pass(600_000);
    expect(subscription.blockedKeys).toBe(1);
    deadLetters.failure = new VendorError("BROKER_ERROR");
    deadLetters.told = 0;
    await clock.pass(600_000);
    expect(subscription.blockedKeys).toBe(1);
    expect(
      errors.map(({ message }) => message).filter((text) => /could not be looked at/.test(text)),
    ).toHaveLength(1);
    deadLetters.failure = undefined;
    await clock.pass(180_000);
    expect(subscription.blockedKeys).toBe(0);
  });

  it("one look serves all keys of a dead-letter queue, less and less often, and none when nothing waits", async () => {
    const { deliver, handler, clock, deadLetters } = await blocked();
    handler.end("b1");
    for (const key of ["c", "d", "e"]) {
      await deliver(delivery(key, { key }));
      handler.fail(key, new NonRetryableError("no"));
      await clock.settle();
    }
    await clock.pass(3_600_000);
    expect(deadLetters.looks).toBeGreaterThanOrEqual(48);
    expect(deadLetters.looks).toBeLessThanOrEqual(85);
    deadLetters.copies = [];
    await clock.pass(200_000);
    const { looks } = deadLetters;
    await clock.pass(3_600_000);
    expect(deadLetters.looks).toBe(looks);
  });

  it("other messages in the dead-letter queue keep no key waiting, nor does the same id of another source", async () => {
    const { clock, deadLetters, copy, subscription } = await blocked();
    const source = { "waybill-dead-source": "other" };
    deadLetters.copies = [
      { ...copy, id: "another" },
      { ...copy, headers: { ...copy.headers, ...source } },
    ];
    await clock.pass(180_000);
    expect(subscription.blockedKeys).toBe(0);
  });

  it("no look gets in the way of a redrive by the same client", async () => {
    const { client, driver, clock, deadLetters } = await blocked();
    deadLetters.told = 3;
    const redrive = client.redrive({ queue: Keyed }, { filter: () => false });
    redrive.catch(() => {});
    await clock.settle();
    const { length } = driver.consumers;
    await clock.pass(9_000);
    expect(driver.consumers).toHaveLength(length);
    expect(deadLetters.looks).toBe(1);
    await clock.pass(60_000);
    await redrive;
    expect(deadLetters.looks).toBeGreaterThan(1);
  });
});

describe("a redrive by the client that consumes", () => {
  /** `a1` is redriven, and its copy has not come yet. `run`: the mark on that copy. */
  async function redrivenHere(options: object = {}) {
    const stage = await blocked({}, options);
    const { client, clock, driver, deadLetters, handler } = stage;
    handler.end("b1");
    // The same client looks into it, and takes what it finds.
    deadLetters.told = 1;
    const redrive = client.redrive({ queue: Keyed });
    await clock.pass(100);
    deadLetters.copies = [];
    deadLetters.told = undefined;
    expect(await redrive).toMatchObject({ redriven: 1 });
    const sent = driver.sent("keyed").at(-1);
    const run = sent?.headers["waybill-redrive-run"] as string;
    return { ...stage, back: redriven(stage.copy, run) };
  }

  it("runs the original at once, in its place, however far behind its copy is", async () => {
    const { handler, consumer, clock, subscription, deliver, back } = await redrivenHere();
    expect(handler.began).toEqual(["a1", "b1", "a1"]);
    expect(subscription.blockedKeys).toBe(0);
    handler.end("a1");
    await clock.settle();
    handler.end("a2");
    await clock.settle();
    expect(handler.began).toEqual(["a1", "b1", "a1", "a2"]);
    await deliver(a("a3"), back);
    handler.end("a3");
    await clock.settle();
    // The copy is acked as the original was, without a run.
    expect(handler.began).toEqual(["a1", "b1", "a1", "a2", "a3"]);
    expect(consumer.settled.filter((each) => each === 'ack "a1"')).toHaveLength(2);
    expect(subscription.held).toBe(0);
  });

  it("a copy that comes meanwhile is done with the original, and not before", async () => {
    const { handler, consumer, clock, deliver, back } = await redrivenHere();
    await deliver(back);
    expect(consumer.settled).toEqual(['ack "b1"']);
    handler.end("a1");
    await clock.settle();
    expect(consumer.settled).toEqual(['ack "b1"', 'ack "a1"', 'ack "a1"']);
    expect(handler.began).toEqual(["a1", "b1", "a1", "a2"]);
  });

  it("what fails again is dead-lettered with the mark of the redrive, which does not bring it back twice", async () => {
    const { handler, consumer, clock, deliver, back, deadLetters, subscription } = await redrivenHere();
    handler.fail("a1", new NonRetryableError("still"));
    await clock.settle();
    const marks = deadLetters.copies.map(({ headers }) => headers["waybill-redrive-run"]);
    expect(marks).toEqual([back.headers["waybill-redrive-run"]]);
    expect(subscription.blockedKeys).toBe(1);
    await deliver(back);
    expect(handler.began).toEqual(["a1", "b1", "a1"]);
    expect(consumer.settled).toEqual(['ack "b1"', 'ack "a1"']);
    expect(subscription.blockedKeys).toBe(1);
  });

  it("a copy runs for itself where the original was taken back by the broker in the midst of its run", async () => {
    const { handler, clock, deliver, back, driver } = await redrivenHere();
    driver.connection.hooks.lost(new Error("cut"));
    await clock.pass(5_000);
    handler.end("a1");
    await clock.settle();
    driver.consumer("keyed").deliver(back);
    await clock.settle();
    expect(handler.began).toEqual(["a1", "b1", "a1", "a1"]);
    await deliver();
  });

  it("a copy that was acked by hand is done too", async () => {
    const { handler, consumer, clock, deliver, back } = await redrivenHere();
    await deliver(back);
    expect(await handler.delivery("a1").ack()).toBe("settled");
    handler.end("a1");
    await clock.settle();
    expect(consumer.settled).toEqual(['ack "b1"', 'ack "a1"', 'ack "a1"']);
  });
});

describe("a blocked key of a log", () => {
  const log = { capabilities: { settlement: "cumulative", attempts: "lower-bound" } } as const;
  const followers = (count: number, size = 1) =>
    Array.from({ length: count }, (_, i) => a(`a${i + 2}${" ".repeat(size - 1)}`, { partition: "0" }));

  async function blockedOnLog(options: object = {}) {
    const stage = await staged(log, options);
    await stage.deliver(a("a1", { partition: "0" }));
    stage.handler.fail("a1", new NonRetryableError("no"));
    await stage.clock.settle();
    return { ...stage, copy: stage.deadLetters.copies[0] as ReceivedMessage };
  }

  it("has its partition read on to what a redrive brought back behind all that waits for it", async () => {
    const { handler, consumer, clock, deliver, copy, deadLetters } = await blockedOnLog();
    await deliver(...followers(600));
    await clock.settle();
    expect(consumer.pausedPartitions).toEqual([]);
    deadLetters.copies = [];
    await deliver({ ...redriven(copy), partition: "0" });
    expect(handler.began).toEqual(["a1", "a1"]);
    handler.end("a1");
    await clock.settle();
    expect(handler.began).toEqual(["a1", "a1", "a2"]);
  });

  it("has it read on past what others of it have ended", async () => {
    const { handler, consumer, clock, deliver } = await blockedOnLog();
    for (let n = 0; n < 300; n++) {
      await deliver(b(`b${n}`, { partition: "0" }));
      handler.end(`b${n}`);
    }
    await clock.settle();
    expect(consumer.pausedPartitions).toEqual([]);
    expect(consumer.settled).toEqual([]);
  });

  it("is read on for as long as bytes allow, other partitions for longer, and that is told of once", async () => {
    const stage = await blockedOnLog({ prefetchBytes: 400_000 });
    const { consumer, clock, deliver, handler, subscription } = stage;
    await deliver(...followers(60, 2_000));
    await clock.settle();
    await deliver(delivery("c1", { key: "c", partition: "1" }));
    expect(consumer.pausedPartitions.at(-1)).toEqual(["0"]);
    expect(handler.began).toEqual(["a1", "c1"]);
    expect(codes(stage)).toEqual(["DEAD_LETTERED", "KEY_BLOCKED", "KEY_BLOCKED"]);
    expect(stage.errors.at(-1)?.message).toContain('Nothing more of "keyed" is received from partition "0"');
    expect(subscription.held).toBeGreaterThan(10);
  });
});

describe("a message that is redriven after its key went on without it", () => {
  it("is handled, and that its order is lost is told of once", async () => {
    const stage = await blocked();
    const { handler, clock, deliver, copy, deadLetters, errors } = stage;
    handler.end("b1");
    deadLetters.copies = [];
    await clock.pass(120_000);
    expect(handler.began).toEqual(["a1", "b1", "a2"]);
    await deliver(redriven(copy));
    handler.end("a2");
    await clock.settle();
    expect(handler.began).toEqual(["a1", "b1", "a2", "a1"]);
    expect(errors.at(-1)?.message).toContain("came when its key had gone on without it");
    expect(errors.at(-1)?.details).toMatchObject({ id: copy.id, key: "a", source: "keyed" });
    const { length } = errors;
    await deliver(redriven(copy));
    expect(errors).toHaveLength(length);
  });
});

describe("a blocked key and its process", () => {
  it("closing waits for no look and for no redrive: the message goes back, and keeps its followers behind it", async () => {
    const { subscription, consumer, clock, handler, client } = await blocked();
    handler.end("b1");
    await clock.settle();
    await subscription.close();
    expect(consumer.settled).toEqual(['ack "b1"']);
    expect(consumer.closedWith?.started.size).toBe(1);
    // Whoever gets it is to see that it was dead-lettered, though its copy may be gone by then.
    const marked = { delayMs: 0, redeliveries: givenUpRedeliveries };
    expect([...(consumer.closedWith?.delayed.values() ?? [])]).toEqual([marked]);
    await client.close();
    expect(clock.timers).toBe(0);
  });

  it("what another process hands over as dead-lettered blocks its key, and is let go of when its copy stays away", async () => {
    const deadLetters = new ScriptedDeadLetterQueue("keyed..dead");
    const { client, driver, clock } = await connected(deadLetters.script);
    const handler = new ManualHandler();
    const subscription = await client.consume(Keyed, { afterDeadLetter: "block" }, handler.handler);
    const consumer = driver.consumer("keyed");
    // A crash since then counts on top of it.
    consumer.deliver(a("a1", { redeliveries: givenUpRedeliveries + 1 }), a("a2"));
    await clock.pass(4_000);
    expect(subscription.blockedKeys).toBe(1);
    await clock.pass(120_000);
    expect(handler.began).toEqual(["a2"]);
    expect(consumer.settled).toEqual(['ack "a1"']);
  });

  it("what was handed over as dead-lettered is handled as new where no key is blocked any more", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    await client.consume(Keyed, {}, handler.handler);
    driver.consumer().deliver(a("a1", { redeliveries: givenUpRedeliveries }));
    await clock.settle();
    expect(handler.began).toEqual(["a1"]);
  });

  it("a client that closes hands back what a look has in hand first", async () => {
    const { client, clock, driver, deadLetters } = await blocked();
    deadLetters.told = 5;
    await clock.pass(6_500);
    const looking = driver.consumer("keyed..dead");
    expect(looking.closed).toBe(0);
    const closing = client.close({ timeoutMs: 0 });
    await clock.pass(60_000);
    await closing;
    expect(looking.closed).toBe(1);
    expect(clock.timers).toBe(0);
  });

  it("after a lost connection it is blocked again at once, without a run or another word", async () => {
    const stage = await blocked();
    const { driver, clock, handler, subscription } = stage;
    handler.end("b1");
    const { id } = handler.delivery("a1");
    driver.connection.hooks.lost(new VendorError("CONNECTION_LOST"));
    await clock.pass(5_000);
    expect(subscription.blockedKeys).toBe(0);
    driver.consumer("keyed").deliver(a("a1", { id, redeliveries: 1 }), a("a2", { redeliveries: 1 }));
    await clock.pass(30_000);
    expect(subscription.blockedKeys).toBe(1);
    expect(handler.began).toEqual(["a1", "b1"]);
    expect(codes(stage).filter((code) => code === "KEY_BLOCKED")).toHaveLength(1);
  });

  it("another process finds by a look that it was given up, and runs neither it nor what follows", async () => {
    const first = await blocked();
    const second = await staged();
    second.deadLetters.copies = first.deadLetters.copies;
    await second.deliver(
      a("a1", { id: first.copy.id, redeliveries: 1 }),
      a("a2", { redeliveries: 1 }),
      b("b1", { redeliveries: 1 }),
    );
    expect(second.deadLetters.looks).toBe(1);
    expect(second.handler.began).toEqual(["b1#2"]);
    expect(second.subscription.blockedKeys).toBe(1);
    expect(codes(second)).toEqual(["KEY_BLOCKED"]);
  });

  it("what it finds not to be dead-lettered runs, as does all when it cannot find out", async () => {
    const one = await staged();
    await one.deliver(a("a1", { redeliveries: 1 }));
    expect(one.deadLetters.looks, "where the broker tells of none").toBe(0);
    expect(one.handler.began).toEqual(["a1#2"]);
    const two = await staged();
    two.deadLetters.failure = new VendorError("BROKER_ERROR");
    two.deadLetters.told = 1;
    await two.deliver(a("a1", { redeliveries: 1 }), b("b1"));
    expect(two.handler.began).toEqual(["b1"]);
    two.handler.end("b1");
    await two.clock.pass(10_000);
    expect(two.handler.began).toEqual(["b1", "a1#2"]);
    expect(two.deadLetters.looks).toBe(3);
  });

  it("a copy of before a redrive says nothing of what that brought back", async () => {
    const first = await blocked();
    const second = await staged();
    second.deadLetters.copies = first.deadLetters.copies;
    await second.deliver({ ...redriven(first.copy), redeliveries: 1 });
    expect(second.handler.began).toEqual(["a1#2"]);
  });

  it("what was delivered often is no suspect where it turns out to be dead-lettered, and else is one", async () => {
    const first = await blocked();
    const second = await staged();
    second.deadLetters.copies = first.deadLetters.copies;
    await second.deliver(a("a1", { id: first.copy.id, redeliveries: 9 }));
    await second.clock.pass(20_000);
    expect(second.handler.began).toEqual([]);
    expect(second.subscription.blockedKeys).toBe(1);
    expect(second.driver.consumers.filter(({ source }) => source.address.name === "keyed")).toHaveLength(1);
    await second.deliver(b("b1", { redeliveries: 9 }));
    await second.clock.pass(20_000);
    const alone = second.driver.consumer("keyed");
    expect(alone.source.prefetch).toBe(1);
    alone.deliver(a("a1", { id: first.copy.id, redeliveries: 9 }));
    await second.clock.settle();
    expect(second.subscription.blockedKeys).toBe(1);
    alone.deliver(b("b1", { id: "b", redeliveries: 9 }));
    await second.clock.settle();
    expect(second.handler.began).toEqual(["b1#5"]);
    second.handler.end("b1");
    await second.clock.pass(10_000);
    expect(second.driver.consumer("keyed").source.prefetch).toBeGreaterThan(1);
  });

  it("on a broker that counts nothing, all that a partition begins with is compared with one look", async () => {
    const first = await blocked();
    const log = { settlement: "cumulative", attempts: "lower-bound" } as const;
    const second = await staged({ capabilities: log });
    second.deadLetters.copies = [...first.deadLetters.copies];
    const partition = "0";
    await second.deliver(
      a("a1", { id: first.copy.id, partition }),
      a("a2", { partition }),
      b("b1", { partition }),
    );
    expect(second.handler.began).toEqual(["b1"]);
    second.handler.end("b1");
    await second.deliver(b("b2", { partition }));
    expect(second.handler.began).toEqual(["b1", "b2"]);
    expect(second.deadLetters.looks).toBe(1);
    await second.deliver(delivery("c1", { key: "c", partition: "1" }));
    expect(second.deadLetters.looks).toBe(2);
  });

  it("on a log nothing behind it is committed, and other partitions go on", async () => {
    const { handler, consumer, clock, deliver, deadLetters } = await staged({
      capabilities: { settlement: "cumulative", attempts: "lower-bound" },
    });
    await deliver(a("a1", { partition: "0" }), b("b1", { partition: "0" }));
    handler.fail("a1", new NonRetryableError("no"));
    await clock.settle();
    handler.end("b1");
    await deliver(delivery("c1", { key: "c", partition: "1" }));
    await clock.settle();
    handler.end("c1");
    await clock.settle();
    expect(consumer.settled).toEqual(['ack "c1"']);
    deadLetters.copies = [];
    await clock.pass(180_000);
    expect(consumer.settled).toEqual(['ack "c1"', 'ack "b1"']);
  });

  it("a partition that goes takes its blocked key along", async () => {
    const { handler, consumer, clock, deliver, subscription } = await staged({
      capabilities: { settlement: "cumulative", attempts: "lower-bound" },
    });
    await deliver(a("a1", { partition: "0" }), a("a2", { partition: "0" }));
    handler.fail("a1", new NonRetryableError("no"));
    await clock.settle();
    await consumer.hooks.revoking(["0"]);
    expect(subscription).toMatchObject({ blockedKeys: 0, held: 0 });
    expect(handler.began).toEqual(["a1"]);
    expect(consumer.settled).toEqual([]);
  });

  it("where the original goes in the midst of its new run, its copy from another partition runs for itself", async () => {
    const { handler, consumer, clock, deliver, deadLetters } = await staged({
      capabilities: { settlement: "cumulative", attempts: "lower-bound" },
    });
    await deliver(a("a1", { partition: "0" }));
    handler.fail("a1", new NonRetryableError("no"));
    await clock.settle();
    const copy = redriven(deadLetters.copies[0] as ReceivedMessage);
    deadLetters.copies = [];
    await deliver({ ...copy, partition: "retries" });
    expect(handler.began).toEqual(["a1", "a1"]);
    consumer.hooks.revoked(["0"]);
    await clock.settle();
    handler.end("a1");
    await clock.settle();
    expect(handler.began).toEqual(["a1", "a1", "a1"]);
    handler.end("a1");
    await clock.settle();
    expect(consumer.settled).toEqual(['ack "a1"']);
    expect(consumer.settlements.flat()[0]?.delivery.partition).toBe("retries");
  });

  it("keeps no more than the subscription may hold, and that is told of", async () => {
    const bench = await staged({}, { prefetch: 1, prefetchBytes: 2 ** 20 });
    const { deliver, handler, clock, subscription, errors, deadLetters } = bench;
    await deliver(a("a1"));
    handler.fail("a1", new NonRetryableError("no"));
    await clock.settle();
    for (let n = 0; n < 41; n++) await deliver(...Array.from({ length: 100 }, (_, i) => a(`${n} ${i}`)));
    await deliver(b("b1"));
    expect(subscription.held).toBeLessThanOrEqual(4_100);
    expect(handler.began).toEqual(["a1"]);
    const full = errors.filter(({ message }) => message.startsWith("Nothing more"));
    expect(full.map(({ code }) => code)).toEqual(["KEY_BLOCKED"]);
    deadLetters.copies = [];
    await clock.pass(120_000);
    expect(handler.began).toHaveLength(2);
  });

  it("its lease is renewed for longer than any handler may take", async () => {
    const { consumer, clock, subscription, handler, errors } = await blocked(
      { capabilities: { lease: { ms: 30_000 } } },
      { maxLeaseMs: 60_000 },
    );
    handler.end("b1");
    await clock.pass(600_000);
    expect(subscription.blockedKeys).toBe(1);
    expect(consumer.extended.at(-1)).toHaveLength(2);
    expect(errors.map(({ code }) => code)).not.toContain("LEASE_LOST");
  });

  it("a lease that is lost all the same takes the followers along, and none of them runs", async () => {
    const lost: ReceivedMessage[] = [];
    const { handler, clock, subscription } = await blocked({
      capabilities: { lease: { ms: 30_000 } },
      extend: (batch) => {
        lost.push(...batch.filter(({ key }) => key === "a").slice(0, 1));
        return lost;
      },
    });
    handler.end("b1");
    await clock.pass(30_000);
    expect(subscription).toMatchObject({ blockedKeys: 0, held: 0 });
    expect(handler.began).toEqual(["a1", "b1"]);
  });
});

describe("the option", () => {
  it("is refused where it could mean nothing, before any I/O", async () => {
    const Plain = queue<string>("plain");
    const Events = topic<string>("events", { key: () => "k" });
    const { client, driver } = await connected();
    const refusals = [
      client.consume(Plain, { afterDeadLetter: "block" as never }, () => {}),
      client.consume(Keyed, { afterDeadLetter: "block", deadLetter: "discard" as never }, () => {}),
      client.consume(Keyed, { afterDeadLetter: "stop" as "block" }, () => {}),
      client.subscribe(Events, { broadcast: true, afterDeadLetter: "block" as never }, () => {}),
    ];
    for (const refusal of refusals) {
      const error = await failureOf(refusal);
      expect(error?.code).toBe("INVALID_ARGUMENT");
    }
    expect(driver.consumers).toHaveLength(0);
    const unordered = await connected({ capabilities: { features: {} } });
    const error = await failureOf(
      unordered.client.consume(Plain, { afterDeadLetter: "block" as never }, () => {}),
    );
    expect(error).toMatchObject({ code: "UNSUPPORTED", remedy: 'Leave it out, or use `"continue"`.' });
  });

  it("is not one of responders, which answer each request once", async () => {
    const Asked = queue<string, string, string>("asked", { key: () => "k", reply: {} });
    const { client } = await connected();
    const options = { afterDeadLetter: "block" } as object;
    expect((await failureOf(client.respond(Asked, options, () => "yes")))?.code).toBe("UNKNOWN_OPTION");
  });

  it("works with a dead-letter queue of one's own, and for a group", async () => {
    const Events = topic<string>("events", { key: () => "k" });
    const Own = queue<string>("own");
    const deadLetters = new ScriptedDeadLetterQueue("own");
    const { client, driver, clock } = await connected(deadLetters.script);
    const options = { ...isBlocked, group: "g", deadLetter: Own };
    const subscription = await client.subscribe(Events, options, () => {
      throw new NonRetryableError("no");
    });
    driver.consumer("events").deliver(a("a1"), a("a2"));
    await clock.settle();
    expect(subscription.blockedKeys).toBe(1);
    expect(deadLetters.copies).toHaveLength(1);
    deadLetters.copies = [];
    await clock.pass(180_000);
    // The next one of the key blocks it in turn.
    expect(driver.consumer("events").settled).toEqual(['ack "a1"']);
    expect(deadLetters.copies).toHaveLength(1);
  });
});
