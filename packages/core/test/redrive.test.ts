import { describe, expect, it } from "vitest";
import {
  type DeadLetterInfo,
  deadLetterOf,
  deduplicate,
  memoryDeduplicationStore,
  queue,
  topic,
} from "../src/index.ts";
import type { ReceivedMessage } from "../src/spi/index.ts";
import { type Script, VendorError } from "./scripted-driver.ts";
import { connected, delivery, failureOf, gate, values, type Workbench } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const Ordered = queue<number>("ordered", { key: () => undefined });

const failure = {
  "waybill-dead-source": "jobs",
  "waybill-dead-attempts": "5",
  "waybill-dead-first-failed-at": "1",
  "waybill-dead-last-failed-at": "2",
  "waybill-dead-error-code": "HANDLER_FAILED",
  "waybill-dead-error-message": "no",
};
const deadLettered = (value: unknown, rest: Partial<ReceivedMessage> = {}) =>
  delivery(value, { ...rest, headers: { ...failure, ...rest.headers } });

const backlog = (count: number | undefined): Script => ({
  inspect: () => (count === undefined ? {} : { backlog: count }),
});

/** A redrive under way, with these dead-lettered messages delivered to it. */
async function redriving(
  bench: Workbench,
  options: Parameters<Workbench["client"]["redrive"]>[1],
  deadLettered: readonly ReceivedMessage[],
  from: Parameters<Workbench["client"]["redrive"]>[0] = { queue: Jobs },
) {
  const report = bench.client.redrive(from, options);
  report.catch(() => {});
  await bench.clock.settle();
  bench.driver.consumer().deliver(...deadLettered);
  await bench.clock.settle();
  return report;
}

const onlyPicked = { filter: ({ headers }: DeadLetterInfo) => headers.pick === "yes" };

/** What was put back last, as it comes again. */
function lastKept(bench: Workbench): ReceivedMessage {
  return delivery(1, { headers: bench.driver.sent("jobs..dead").at(-1)?.headers ?? {} });
}

describe("a redrive", () => {
  it("brings deadLettered back to where they failed, as they were, and acks them", async () => {
    const bench = await connected(backlog(1));
    const one = deadLettered(1, {
      headers: { trace: "t", "waybill-attempt": "5" },
      correlationId: "c",
      timestamp: 42,
    });
    const report = await redriving(bench, {}, [one]);
    await bench.clock.pass(10);
    expect(report).toEqual({ seen: 1, redriven: 1, ofOthers: 0, complete: true });
    expect(bench.driver.sent("jobs")).toMatchObject([
      { id: one.id, body: one.body, headers: { trace: "t" }, correlationId: "c", timestamp: 42 },
    ]);
    expect(Object.keys(bench.driver.sent("jobs")[0]?.headers ?? {})).toEqual([
      "trace",
      "waybill-redrive-run",
    ]);
    expect(bench.driver.consumer().settled).toEqual(["ack 1"]);
    expect(bench.driver.consumer().closed).toBe(1);
  });

  it("gives the ordering key back to a contract that has one, and to no other", async () => {
    const bench = await connected(backlog(1));
    const headers = { "waybill-dead-key": "k" };
    const fromOrdered = { ...headers, "waybill-dead-source": "ordered" };
    await Promise.all([
      redriving(bench, {}, [deadLettered(1, { headers: fromOrdered })], { queue: Ordered }),
      bench.clock.pass(10),
    ]);
    await Promise.all([redriving(bench, {}, [deadLettered(2, { headers })]), bench.clock.pass(10)]);
    expect(bench.driver.sent("ordered")).toMatchObject([{ key: "k" }]);
    expect(bench.driver.sent("jobs")).toMatchObject([{ key: undefined }]);
  });

  it("gives it back too where the broker itself gave up on the message, also after it was put back", async () => {
    const bench = await connected(backlog(1));
    const from = { queue: Ordered };
    const givenUp = delivery(1, { key: "k" });
    await Promise.all([redriving(bench, { filter: () => false }, [givenUp], from), bench.clock.pass(10)]);
    const [kept] = bench.driver.sent("ordered..dead");
    const looked = delivery(1, { headers: kept?.headers ?? {} });
    for (const deadLettered of [givenUp, looked])
      await Promise.all([redriving(bench, {}, [deadLettered], from), bench.clock.pass(10)]);
    expect(bench.driver.sent("ordered")).toMatchObject([{ key: "k" }, { key: "k" }]);
  });

  it("of a group comes back to that group alone", async () => {
    const bench = await connected(backlog(1));
    const from = { topic: topic<number>("orders"), group: "billing" };
    const headers = { "waybill-dead-source": "orders", "waybill-dead-group": "billing" };
    await Promise.all([redriving(bench, {}, [deadLettered(1, { headers })], from), bench.clock.pass(10)]);
    expect(bench.driver.consumer().source.address.name).toBe("orders..billing..dead");
    expect(bench.driver.published[0]?.to).toMatchObject({ kind: "group", group: "billing" });
  });

  it("puts back at the end what it does not choose, and counts it once however often it comes round", async () => {
    const bench = await connected(backlog(undefined));
    const report = redriving(bench, onlyPicked, [
      deadLettered(1),
      deadLettered(2, { headers: { pick: "yes" } }),
    ]);
    await bench.clock.settle();
    expect(bench.driver.sent("jobs..dead")[0]?.headers).toMatchObject(failure);
    for (let round = 0; round < 3; round++) {
      bench.driver.consumer().deliver(lastKept(bench));
      await bench.clock.pass(100);
    }
    await bench.clock.pass(2_000);
    expect(await report).toEqual({ seen: 2, redriven: 1, ofOthers: 0, complete: true });
    expect(values(bench.driver.sent("jobs"))).toEqual([2]);
    expect(bench.driver.consumer().settled).toEqual(["ack 1", "ack 2", "ack 1", "ack 1", "ack 1"]);
  });

  it("goes on past what has come round, slowly, while others may be behind it", async () => {
    const bench = await connected(backlog(2));
    const report = redriving(bench, onlyPicked, [deadLettered(1)]);
    await bench.clock.settle();
    const { length: before } = bench.driver.sent("jobs..dead");
    for (let round = 0; round < 50; round++) {
      bench.driver.consumer().deliver(lastKept(bench));
      await bench.clock.pass(50);
    }
    expect(bench.driver.sent("jobs..dead").length - before).toBeLessThanOrEqual(26);
    bench.driver.consumer().deliver(deadLettered(2, { headers: { pick: "yes" } }));
    await bench.clock.pass(3_000);
    expect(await report).toEqual({ seen: 2, redriven: 1, ofOthers: 0, complete: true });
  });

  it("does not go round and round for ever where the broker has told of more than there are", async () => {
    const bench = await connected(backlog(2));
    let isOver = false;
    const report = redriving(bench, { filter: () => false }, [deadLettered(1)]).finally(() => {
      isOver = true;
    });
    await bench.clock.settle();
    for (let round = 0; round < 120 && !isOver; round++) {
      bench.driver.consumer().deliver(lastKept(bench));
      await bench.clock.pass(100);
    }
    expect(await report).toEqual({ seen: 1, redriven: 0, ofOthers: 0, complete: false });
    const put = bench.driver.sent("jobs..dead").length;
    expect(bench.driver.consumer().settled, "each copy took the place of another").toHaveLength(put);
  });

  it("does not bring back for ever what fails again as soon as it is brought back", async () => {
    const bench = await connected(backlog(undefined));
    const report = redriving(bench, {}, [deadLettered(1)]);
    let isOver = false;
    void report.then(() => {
      isOver = true;
    });
    await bench.clock.settle();
    for (let round = 0; round < 100 && !isOver; round++) {
      await bench.clock.pass(100);
      const failed = bench.driver.sent(round === 0 ? "jobs" : "jobs..dead").at(-1)?.headers ?? {};
      bench.driver.consumer().deliver(deadLettered(1, { headers: failed }));
      await bench.clock.settle();
    }
    await bench.clock.pass(100);
    expect(isOver).toBe(true);
    expect(bench.driver.sent("jobs")).toHaveLength(1);
  });

  it("stops at `max`; what it was given beyond goes back unsettled", async () => {
    const bench = await connected(backlog(undefined));
    const report = redriving(bench, { max: 2 }, [deadLettered(1), deadLettered(2), deadLettered(3)]);
    await bench.clock.pass(100);
    expect(await report).toEqual({ seen: 2, redriven: 2, ofOthers: 0, complete: false });
    expect(bench.driver.consumer().settled).toEqual(["ack 1", "ack 2"]);
  });

  it("counts what others hold unsettled among what there is", async () => {
    const bench = await connected({ inspect: () => ({ backlog: 1, unsettled: 2 }) });
    const report = redriving(bench, {}, [deadLettered(1)]);
    await bench.clock.pass(11_000);
    expect(await report).toEqual({ seen: 1, redriven: 1, ofOthers: 0, complete: false });
    const dry = redriving(bench, { dryRun: true }, [deadLettered(1)]);
    await bench.clock.pass(11_000);
    expect(await dry).toEqual({ seen: 1, redriven: 0, ofOthers: 0, complete: false });
  });

  it("is not complete while others consume and the broker does not tell what they hold", async () => {
    const bench = await connected({ inspect: () => ({ backlog: 0, unsettled: "unknown" }) });
    const report = bench.client.redrive({ queue: Jobs });
    await bench.clock.pass(10_000);
    expect(await report).toEqual({ seen: 0, redriven: 0, ofOthers: 0, complete: false });
  });

  it("does not believe in a consumer that has just closed", async () => {
    let looks = 0;
    const bench = await connected({
      inspect: () => (looks++ === 0 ? { backlog: 0, unsettled: "unknown" } : { backlog: 0 }),
    });
    const report = bench.client.redrive({ queue: Jobs });
    await bench.clock.pass(10_000);
    expect(await report).toEqual({ seen: 0, redriven: 0, ofOthers: 0, complete: true });
  });

  it.each([false, true])("makes no dead-letter queue where there is none (dry run: %s)", async (dryRun) => {
    const bench = await connected({ inspect: () => ({ exists: false }) });
    expect(await bench.client.redrive({ queue: Jobs }, { dryRun })).toEqual({
      seen: 0,
      redriven: 0,
      ofOthers: 0,
      complete: true,
    });
    expect(bench.driver.ensured).toEqual([]);
    expect(bench.driver.consumers).toEqual([]);
  });

  it("that finds nothing where its client could only guess says where it has looked", async () => {
    for (const script of [{ inspect: () => ({ exists: false }) }, backlog(0)]) {
      const bench = await connected(script);
      const from = { topic: topic<number>("orders"), group: "billing" };
      const [report] = await Promise.all([bench.client.redrive(from), bench.clock.pass(10_000)]);
      expect(report).toEqual({ seen: 0, redriven: 0, ofOthers: 0, complete: true });
      expect(bench.errors).toMatchObject([
        {
          code: "NOT_FOUND",
          message: expect.stringContaining(
            '"orders" (group "billing") found nothing in "orders..billing..dead"',
          ),
          details: { deadLetter: "orders..billing..dead" },
        },
      ]);
    }
  });

  it.each(["by its own consumer", "by its options", "by what it finds"])(
    "that knows where to look, %s, says nothing",
    async (how) => {
      const bench = await connected(backlog(how === "by what it finds" ? 1 : 0));
      if (how === "by its own consumer") await bench.client.consume(Jobs, () => {});
      const options = how === "by its options" ? { deadLetter: queue<number>("failed") } : {};
      const found = how === "by what it finds" ? [deadLettered(1)] : [];
      await Promise.all([redriving(bench, options, found), bench.clock.pass(10_000)]);
      expect(bench.errors).toEqual([]);
    },
  );

  it("of a queue into itself is refused before any I/O", async () => {
    const bench = await connected();
    expect(await failureOf(bench.client.redrive({ queue: Jobs }, { deadLetter: Jobs }))).toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(bench.driver.consumers).toEqual([]);
  });

  it("of nothing does nothing", async () => {
    const bench = await connected(backlog(0));
    const report = redriving(bench, {}, []);
    await bench.clock.pass(5_000);
    expect(await report).toEqual({ seen: 0, redriven: 0, ofOthers: 0, complete: true });
    expect(bench.driver.consumer().closed).toBe(1);
  });

  it("looks for itself where the broker tells of none, since brokers count late", async () => {
    const bench = await connected(backlog(0));
    const report = redriving(bench, {}, []);
    await bench.clock.pass(4_000);
    bench.driver.consumer().deliver(deadLettered(1), deadLettered(2));
    await bench.clock.pass(2_000);
    expect(await report).toEqual({ seen: 2, redriven: 2, ofOthers: 0, complete: true });
  });

  it("is patient while the broker has told of more than came, and not for ever", async () => {
    const bench = await connected(backlog(2));
    const report = redriving(bench, {}, [deadLettered(1)]);
    await bench.clock.pass(9_000);
    bench.driver.consumer().deliver(deadLettered(2));
    await bench.clock.pass(100);
    expect(await report).toEqual({ seen: 2, redriven: 2, ofOthers: 0, complete: true });

    const mistaken = redriving(bench, {}, [deadLettered(3)]);
    await bench.clock.pass(11_000);
    expect(await mistaken).toEqual({ seen: 1, redriven: 1, ofOthers: 0, complete: false });
  });

  it("ends when nothing more comes, where the broker does not tell how many there are", async () => {
    const bench = await connected(backlog(undefined));
    const report = redriving(bench, {}, [deadLettered(1)]);
    await bench.clock.pass(2_000);
    expect(await report).toEqual({ seen: 1, redriven: 1, ofOthers: 0, complete: true });
    expect(bench.clock.timers).toBe(0);
  });

  it("does not take a slow broker for the end", async () => {
    let slow = true;
    const bench = await connected({
      ...backlog(undefined),
      publish: async (_batch, to) => {
        while (slow && to.name === "jobs") await new Promise((resolve) => setImmediate(resolve));
        return undefined;
      },
    });
    const report = redriving(bench, {}, [deadLettered(1), deadLettered(2)]);
    await bench.clock.pass(10_000);
    slow = false;
    await bench.clock.pass(2_000);
    expect(await report).toEqual({ seen: 2, redriven: 2, ofOthers: 0, complete: true });
  });

  it("that cannot bring a message back says why, and leaves the dead-lettered message", async () => {
    const bench = await connected({
      ...backlog(2),
      publish: (batch) => batch.map(() => ({ ok: false, cause: new VendorError("NOT_FOUND") })),
    });
    const report = failureOf(redriving(bench, {}, [deadLettered(1), deadLettered(2)]));
    await bench.clock.pass(100);
    expect((await report)?.code).toBe("NOT_FOUND");
    expect(bench.driver.consumer().settled).toEqual([]);
    expect(bench.driver.consumer().closed).toBe(1);
  });

  it("whose filter answers with a promise brings nothing back, and says so", async () => {
    for (const filter of [async () => false, () => Promise.reject(new Error("no"))]) {
      const bench = await connected(backlog(1));
      const report = failureOf(redriving(bench, { filter: filter as never }, [deadLettered(1)]));
      await bench.clock.pass(100);
      expect(await report).toMatchObject({
        code: "INVALID_ARGUMENT",
        remedy: expect.any(String),
        details: { seen: 0, redriven: 0 },
      });
      expect(bench.driver.sent("jobs")).toEqual([]);
      expect(bench.driver.consumer().settled).toEqual([]);
    }
  });

  it("whose filter throws ends as INVALID_ARGUMENT, with what it threw and the report so far", async () => {
    const bench = await connected(backlog(3));
    const mistake = new TypeError("the filter failed");
    const filter = ({ headers }: DeadLetterInfo) => {
      if (headers.pick === "never asked for") throw mistake;
      return headers.pick === "yes";
    };
    const picked = ["yes", "no", "never asked for"].map((pick, n) => deadLettered(n, { headers: { pick } }));
    const report = failureOf(redriving(bench, { filter }, picked));
    await bench.clock.pass(100);
    expect(await report).toMatchObject({
      code: "INVALID_ARGUMENT",
      retryable: false,
      message: expect.stringContaining("the filter failed; 1 of 2 messages were brought back before"),
      remedy: expect.any(String),
      cause: mistake,
      details: { seen: 2, redriven: 1, ofOthers: 0, complete: false },
    });
    expect(values(bench.driver.sent("jobs"))).toEqual([0]);
    expect(values(bench.driver.sent("jobs..dead"))).toEqual([1]);
    expect(bench.driver.consumer().settled).toEqual(["ack 0", "ack 1"]);
    expect(bench.driver.consumer().closed).toBe(1);
    expect(bench.clock.timers).toBe(0);
  });

  it("whose filter throws in a second dead-letter queue tells of what came back from the first too", async () => {
    const bench = await connected({
      inspect: () => ({ backlog: 1 }),
      consume: (consumer) => consumer.deliver(deadLettered(consumer.source.address.name)),
    });
    for (const deadLetter of [queue<number>("first"), queue<number>("second")]) {
      const consumer = await bench.client.consume(Jobs, { deadLetter }, () => {});
      await consumer.close();
    }
    let asked = 0;
    const filter = () => {
      if (asked++ > 0) throw new Error("no");
      return true;
    };
    const report = failureOf(bench.client.redrive({ queue: Jobs }, { filter }));
    await bench.clock.pass(100);
    expect(await report).toMatchObject({ details: { seen: 1, redriven: 1 } });
  });

  it("ends when its signal fires, with what it has done", async () => {
    const bench = await connected(backlog(undefined));
    const abort = new AbortController();
    const report = redriving(bench, { signal: abort.signal }, [deadLettered(1)]);
    await bench.clock.settle();
    abort.abort();
    await bench.clock.pass(10);
    expect(await report).toEqual({ seen: 1, redriven: 1, ofOthers: 0, complete: false });
  });

  it("is not seen by the client's own middleware, whose deduplication would lose messages", async () => {
    const bench = await connected(backlog(1), {
      middleware: { handle: [deduplicate({ store: memoryDeduplicationStore() })] },
    });
    const again = () => deadLettered(1, { id: "m-1" });
    for (let i = 0; i < 2; i++) {
      await Promise.all([redriving(bench, {}, [again()]), bench.clock.pass(10)]);
    }
    expect(bench.driver.sent("jobs").map(({ id }) => id)).toEqual(["m-1", "m-1"]);
  });

  it("of what is no queue and no group, or with options that nobody reads, is refused", async () => {
    const { client } = await connected();
    const wrong = (value: unknown) => value as { queue: typeof Jobs };
    expect((await failureOf(client.redrive(wrong({ queue: topic("t") }))))?.code).toBe("INVALID_ARGUMENT");
    expect((await failureOf(client.redrive(wrong({ queue: Jobs, x: 1 }))))?.code).toBe("UNKNOWN_OPTION");
    for (const max of [0, 2.5, Number.NaN])
      expect((await failureOf(client.redrive({ queue: Jobs }, { max })))?.code).toBe("INVALID_ARGUMENT");
  });

  it("takes what another run has marked for what it is, and adds its own mark", async () => {
    const bench = await connected(backlog(1));
    const report = redriving(bench, {}, [
      deadLettered(1, { headers: { "waybill-redrive-run": "AAAAAAAA" } }),
    ]);
    await bench.clock.pass(10);
    expect(await report).toMatchObject({ redriven: 1 });
    const [brought] = bench.driver.sent("jobs");
    expect(brought?.headers["waybill-redrive-run"]).toMatch(/^AAAAAAAA,[\w-]{8}$/);
  });

  it("does not care what the clocks of those who failed say", async () => {
    const bench = await connected(backlog(1));
    const ahead = { "waybill-dead-last-failed-at": String(bench.clock.now() + 600_000) };
    const report = redriving(bench, {}, [deadLettered(1, { headers: ahead })]);
    await bench.clock.pass(10);
    expect(await report).toEqual({ seen: 1, redriven: 1, ofOthers: 0, complete: true });
  });

  it("brings back all there is, however slow, also when the first came while it began", async () => {
    const begun = gate();
    const bench = await connected({
      ...backlog(undefined),
      consume: async (consumer) => {
        consumer.deliver(...Array.from({ length: 30 }, (_, i) => deadLettered(i)));
        await begun.opened;
      },
      publish: async (_batch, to) => {
        if (to.name === "jobs")
          await new Promise((resolve) => bench.clock.setTimeout(() => resolve(0), 1_000));
        return undefined;
      },
    });
    const report = bench.client.redrive({ queue: Jobs });
    begun.open();
    await bench.clock.pass(60_000);
    expect(await report).toEqual({ seen: 30, redriven: 30, ofOthers: 0, complete: true });
  });

  it("looks into the queue that it is told, else into that of the client's own consumers", async () => {
    const bench = await connected(backlog(1));
    const Mine = queue<number>("mine");
    await Promise.all([redriving(bench, { deadLetter: Mine }, [deadLettered(1)]), bench.clock.pass(10)]);
    expect(bench.driver.consumer().source.address.name).toBe("mine");
    const consumer = await bench.client.consume(Jobs, { deadLetter: queue<number>("yours") }, () => {});
    await consumer.close();
    await Promise.all([redriving(bench, {}, [deadLettered(2)]), bench.clock.pass(10)]);
    expect(bench.driver.consumer().source.address.name).toBe("yours");
  });

  it("leaves what failed in another queue or group where it is, unasked, and says how many those are", async () => {
    const bench = await connected(backlog(undefined));
    const failedIn = (source: string, group?: string) => ({
      headers: { "waybill-dead-source": source, ...(group && { "waybill-dead-group": group }) },
    });
    const asked: string[] = [];
    const filter = ({ source }: DeadLetterInfo) => asked.push(source) > 0;
    const report = redriving(bench, { filter }, [
      deadLettered(1, failedIn("others")),
      deadLettered(2, failedIn("jobs", "billing")),
      deadLettered(3),
      // The broker's own limit brought it here.
      delivery(4),
    ]);
    await bench.clock.pass(2_000);
    expect(await report).toEqual({ seen: 4, redriven: 2, ofOthers: 2, complete: true });
    expect(values(bench.driver.sent("jobs"))).toEqual([3, 4]);
    expect(values(bench.driver.sent("jobs..dead"))).toEqual([1, 2]);
    expect(bench.driver.sent("jobs..dead").map(({ headers }) => headers)).toMatchObject([
      failedIn("others").headers,
      failedIn("jobs", "billing").headers,
    ]);
    expect(asked).toEqual(["jobs", "jobs"]);
  });

  it("takes what failed in its own group alone", async () => {
    const bench = await connected(backlog(undefined));
    const from = { topic: topic<number>("orders"), group: "billing" };
    const failedIn = (group: string) => ({
      headers: { "waybill-dead-source": "orders", "waybill-dead-group": group },
    });
    const report = redriving(
      bench,
      {},
      [deadLettered(1, failedIn("billing")), deadLettered(2, failedIn("shipping"))],
      from,
    );
    await bench.clock.pass(2_000);
    expect(await report).toEqual({ seen: 2, redriven: 1, ofOthers: 1, complete: true });
    expect(bench.driver.published.map(({ to, batch }) => [to.group, ...values(batch)])).toEqual([
      ["billing", 1],
      [undefined, 2],
    ]);
  });

  it("looks into all that the client's own consumers have used, one after the other", async () => {
    const bench = await connected({
      inspect: () => ({ backlog: 1 }),
      consume: (consumer) => {
        const { name } = consumer.source.address;
        if (name !== "jobs") consumer.deliver(deadLettered(name));
      },
    });
    for (const deadLetter of [queue<number>("first"), undefined, queue<number>("second")]) {
      const consumer = await bench.client.consume(Jobs, { deadLetter }, () => {});
      await consumer.close();
    }
    const report = bench.client.redrive({ queue: Jobs });
    await bench.clock.pass(100);
    expect(await report).toEqual({ seen: 3, redriven: 3, ofOthers: 0, complete: true });
    expect(values(bench.driver.sent("jobs"))).toEqual(["first", "jobs..dead", "second"]);
    const some = bench.client.redrive({ queue: Jobs }, { max: 2 });
    await bench.clock.pass(100);
    expect(await some).toEqual({ seen: 2, redriven: 2, ofOthers: 0, complete: false });
  });
});

describe("a redrive of several dead-letter queues", () => {
  it("does not bring back once more what fails again into one that it has still to look into", async () => {
    const failedAgain: ReceivedMessage[] = [];
    const bench = await connected({
      inspect: () => ({ backlog: 1 }),
      consume: (consumer) => {
        const { name } = consumer.source.address;
        if (name === "first") consumer.deliver(deadLettered("first"));
        if (name === "second") consumer.deliver(...failedAgain, deadLettered("second"));
      },
      publish: (batch, { name }) => {
        if (name === "jobs")
          failedAgain.push(...batch.map(({ headers }) => deadLettered("first", { headers })));
        return undefined;
      },
    });
    for (const deadLetter of [queue<number>("first"), queue<number>("second")]) {
      const consumer = await bench.client.consume(Jobs, { deadLetter }, () => {});
      await consumer.close();
    }
    const report = bench.client.redrive({ queue: Jobs });
    await bench.clock.pass(20_000);
    expect(await report).toEqual({ seen: 2, redriven: 2, ofOthers: 0, complete: true });
    expect(values(bench.driver.sent("jobs"))).toEqual(["first", "second"]);
  });

  it("looks once into the derived one, under whichever contract it was used", async () => {
    const bench = await connected(backlog(1));
    for (const deadLetter of [undefined, deadLetterOf({ queue: Jobs })]) {
      const consumer = await bench.client.consume(Jobs, { deadLetter }, () => {});
      await consumer.close();
    }
    const report = redriving(bench, {}, [deadLettered(1)]);
    await bench.clock.pass(100);
    expect(await report).toEqual({ seen: 1, redriven: 1, ofOthers: 0, complete: true });
  });
});

describe("a dry run", () => {
  it("says how many failed elsewhere", async () => {
    const bench = await connected(backlog(2));
    const elsewhere = deadLettered(2, { headers: { "waybill-dead-source": "others" } });
    const report = redriving(bench, { dryRun: true }, [deadLettered(1), elsewhere]);
    await bench.clock.pass(100);
    expect(await report).toEqual({ seen: 2, redriven: 0, ofOthers: 1, complete: true });
  });

  it("counts, writes and settles nothing, and hands back what it held as if nobody had seen it", async () => {
    const bench = await connected(backlog(2));
    const report = redriving(bench, { dryRun: true }, [deadLettered(1), deadLettered(2)]);
    await bench.clock.pass(100);
    expect(await report).toEqual({ seen: 2, redriven: 0, ofOthers: 0, complete: true });
    expect(bench.driver.published).toEqual([]);
    expect(bench.driver.consumer().settlements).toEqual([]);
    expect(bench.driver.consumer().startedAtClose).toEqual([]);
    expect(bench.clock.timers).toBe(0);
  });

  it("says that it is not complete when the broker has told of more than came", async () => {
    const bench = await connected(backlog(2));
    const report = redriving(bench, { dryRun: true }, [deadLettered(1)]);
    await bench.clock.pass(11_000);
    expect(await report).toEqual({ seen: 1, redriven: 0, ofOthers: 0, complete: false });
  });

  it("holds no more than its bound, and says so", async () => {
    const bench = await connected(backlog(undefined));
    const body = new Uint8Array(40 * 1024 * 1024);
    const report = redriving(bench, { dryRun: true }, []);
    await bench.clock.settle();
    for (let i = 0; i < 3; i++) {
      bench.driver.consumer().deliver(deadLettered(1, { body }));
      await bench.clock.settle();
    }
    await bench.clock.pass(2_000);
    expect(await report).toEqual({ seen: 2, redriven: 0, ofOthers: 0, complete: false });
  });

  it("does not take for the end that its driver has no room for another message", async () => {
    const bench = await connected(backlog(undefined));
    const body = new Uint8Array(24 * 1024 * 1024);
    const report = redriving(bench, { dryRun: true }, [
      deadLettered(1, { body }),
      deadLettered(2, { body: body.subarray(1) }),
    ]);
    await bench.clock.pass(2_000);
    expect(await report).toEqual({ seen: 2, redriven: 0, ofOthers: 0, complete: false });
  });

  it("fetches little ahead of a log, since that comes on top of what it holds", async () => {
    const bench = await connected({ ...backlog(1), capabilities: { settlement: "cumulative" } });
    const report = redriving(bench, { dryRun: true }, [deadLettered(1)]);
    await bench.clock.pass(100);
    expect(bench.driver.consumer().source.prefetchBytes).toBe(8 * 1024 * 1024);
    await report;
  });

  it("renews the leases of what it holds", async () => {
    const bench = await connected({ ...backlog(2), capabilities: { lease: { ms: 3_000 } } });
    const report = redriving(bench, { dryRun: true }, [deadLettered(1)]);
    await bench.clock.pass(5_000);
    expect(bench.driver.consumer().extended.length).toBeGreaterThanOrEqual(4);
    bench.driver.consumer().deliver(deadLettered(2));
    await bench.clock.pass(10);
    expect(await report).toMatchObject({ seen: 2 });
    expect(bench.clock.timers).toBe(0);
  });

  it("fails as retryable when its connection is lost, and ends when its signal fires", async () => {
    const bench = await connected(backlog(2));
    const report = failureOf(redriving(bench, { dryRun: true }, [deadLettered(1)]));
    await bench.clock.settle();
    bench.driver.connection.hooks.lost(new Error("gone"));
    await bench.clock.pass(10_000);
    expect(await report).toMatchObject({ code: "CONNECTION_LOST", retryable: true });

    const abort = new AbortController();
    const aborted = redriving(bench, { dryRun: true, signal: abort.signal }, [deadLettered(1)]);
    await bench.clock.settle();
    abort.abort();
    await bench.clock.pass(10);
    expect(await aborted).toEqual({ seen: 1, redriven: 0, ofOthers: 0, complete: false });
  });
});
