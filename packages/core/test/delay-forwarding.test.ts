import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type BufferedItem,
  type DelayedMessage,
  DelayForwarder,
  DueMessageRouter,
  type LeavingMessage,
  PartitionBuffer,
  PartitionBuffers,
  type PublishOutcome,
  SharedDelayForwarder,
  stored,
} from "../src/spi/index.ts";

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

const missing = new Error("missing");
const refused = new Error("refused");
const passing = new Error("passing");
const unwritable = new Error("unwritable");

interface Waiting extends BufferedItem {
  readonly id: string;
  /** From when it entered its tier on. */
  readonly waitMs: number;
  readonly enteredAt?: number | undefined;
  readonly to: string;
  readonly missingMs?: number | undefined;
}

const waiting = (id: string, fields: Partial<Waiting> = {}): Waiting => ({
  id,
  bytes: 1,
  waitMs: 0,
  to: "orders",
  ...fields,
});

const delayed = (message: Waiting): DelayedMessage<Waiting> => ({
  message,
  waitMs: message.waitMs,
  enteredAt: message.enteredAt,
  destination: message.to,
  missingMs: message.missingMs,
});

/** As its forwarder hands it on, if it has just entered its tier. */
const leaving = (message: Waiting): LeavingMessage<Waiting> => ({
  message,
  dueAt: performance.now() + message.waitMs,
  destination: message.to,
  missingMs: message.missingMs,
});

/** A log whose topics fail as `failures` says, each time for the given reason. */
function log(failures: Map<string, unknown> = new Map()) {
  const topics = new Map<string, Waiting[]>();
  const reports: unknown[] = [];
  const stop = new AbortController();
  const store = async (topic: string, messages: readonly Waiting[]): Promise<readonly PublishOutcome[]> =>
    messages.map((message) => {
      const cause = failures.get(message.id) ?? failures.get(topic);
      if (cause !== undefined) return { ok: false, cause };
      topics.set(topic, [...(topics.get(topic) ?? []), message]);
      return stored;
    });
  const router = new DueMessageRouter<Waiting>({
    store: {
      deliver: store,
      keep: (tier, messages) =>
        store(
          `tier ${tier}`,
          messages.map(({ message, waitMs, missingMs }) => ({ ...message, waitMs, missingMs })),
        ),
    },
    tiers: 9,
    isTransient: (cause) => cause === passing,
    isMissing: (cause) => cause === missing,
    isUnwritable: (cause) => cause === unwritable,
    report: (cause) => void reports.push(cause),
    signal: stop.signal,
  });
  const ids = (topic: string) => (topics.get(topic) ?? []).map(({ id }) => id);
  return { topics, reports, stop, router, ids, failures };
}

describe("what leaves a delay tier", () => {
  it("goes to its destination when it is due, else to the tier its remaining time allows", async () => {
    const { router, ids, topics } = log();
    await router.route(
      [
        waiting("due"),
        waiting("other", { to: "jobs" }),
        waiting("soon", { waitMs: 1_200 }),
        waiting("sooner", { waitMs: 100 }),
        waiting("also due"),
      ].map(leaving),
    );
    expect(ids("orders")).toEqual(["due", "also due"]);
    expect(ids("jobs")).toEqual(["other"]);
    expect(topics.get("tier 2")).toMatchObject([{ id: "soon", waitMs: 1_200 }]);
    expect(topics.get("tier 0")).toMatchObject([{ id: "sooner", waitMs: 100 }]);
  });

  it("is put back where its destination does not take it, and holds up nobody", async () => {
    const { router, ids, topics, reports } = log(new Map([["orders", passing]]));
    await router.route([waiting("a"), waiting("b", { to: "jobs" })].map(leaving));
    expect(ids("jobs")).toEqual(["b"]);
    expect(topics.get("tier 2")).toMatchObject([{ id: "a", waitMs: 1_000 }]);
    expect(reports).toEqual([passing]);
  });

  it("waits longer where only a change by somebody can help", async () => {
    const { router, topics } = log(new Map([["orders", refused]]));
    await router.route([leaving(waiting("a"))]);
    expect(topics.get("tier 4")).toMatchObject([{ id: "a", waitMs: 16_000 }]);
  });

  it("is given up once its destination has been missing at every try for a minute, not before", async () => {
    const { router, topics, reports } = log(new Map([["orders", missing]]));
    await router.route([waiting("a", { missingMs: 59_000 }), waiting("b")].map(leaving));
    expect(topics.get("tier 2")).toMatchObject([
      { id: "a", missingMs: 60_000 },
      { id: "b", missingMs: 1_000 },
    ]);
    topics.clear();
    await router.route([leaving(waiting("a", { missingMs: 60_000 }))]);
    expect([...topics]).toEqual([]);
    expect(reports).toHaveLength(3);
  });

  it("is not given up because a clock was set, or because nobody forwarded for long", async () => {
    const { router, topics } = log(new Map([["orders", missing]]));
    vi.setSystemTime(Date.now() + 3_600_000);
    await pass(3_600_000);
    await router.route([leaving(waiting("a", { missingMs: 1_000 }))]);
    expect(topics.get("tier 2")).toMatchObject([{ id: "a", missingMs: 2_000 }]);
  });

  it("is given up where it can be written nowhere again, and takes nothing along", async () => {
    const { router, ids, reports } = log(new Map([["odd", unwritable]]));
    const early = { waitMs: 1_200 };
    await router.route([waiting("odd"), waiting("fine")].map(leaving));
    await router.route([waiting("odd", early), waiting("later", early)].map(leaving));
    expect(ids("orders")).toEqual(["fine"]);
    expect(ids("tier 2")).toEqual(["later"]);
    expect(reports).toEqual([unwritable, unwritable]);
  });

  it("is stored in a tier however often it takes, with what is left of its wait, until it is closed", async () => {
    const { router, topics, failures, stop } = log(
      new Map([
        ["tier 3", passing],
        ["tier 2", passing],
      ]),
    );
    let isDone = false;
    const routed = router.route([leaving(waiting("a", { waitMs: 5_000 }))]).then(() => {
      isDone = true;
    });
    await pass(3_500);
    expect(isDone).toBe(false);
    failures.clear();
    await pass(2_000);
    await routed;
    const [kept] = [...topics.values()].flat();
    expect(kept?.waitMs).toBeLessThanOrEqual(1_500);
    expect(topics.has("tier 3"), "that is more than is left").toBe(false);
    failures.set("tier 2", passing);
    const given = router.route([leaving(waiting("b", { waitMs: 1_200 }))]);
    const rejected = expect(given).rejects.toThrow("closed");
    stop.abort();
    await rejected;
    expect(vi.getTimerCount()).toBe(0);
  });
});

/** A forwarder with one tier, of which `route` says what becomes of a batch, and a broker whose clock is what it is asked for. */
function forwarding(
  route: (ids: readonly string[]) => Promise<void>,
  { tierNumber = 0, brokerTime = async () => Date.now() as number | undefined } = {},
) {
  const buffers = new PartitionBuffers<Waiting, PartitionBuffer<Waiting>>({
    prefetch: 1_000,
    prefetchBytes: 1_000,
  });
  const tier = new PartitionBuffer<Waiting>("delayed-0");
  const committed: string[] = [];
  const failures: { open?: unknown; commit?: unknown } = {};
  const reports: unknown[] = [];
  let asked = 0;
  const failOnce = (what: "open" | "commit") => {
    const cause = failures[what];
    delete failures[what];
    if (cause !== undefined) throw cause;
  };
  const forwarder = new DelayForwarder({
    buffers,
    source: {
      open: async () => failOnce("open"),
      tierOf: () => tierNumber,
      read: (_: PartitionBuffer<Waiting>, item: Waiting) => delayed(item),
      brokerTime: () => {
        asked++;
        return brokerTime();
      },
      commit: async (_: PartitionBuffer<Waiting>, { id }: Waiting) => {
        failOnce("commit");
        committed.push(id);
      },
    },
    router: { route: (due) => route(due.map(({ message }) => message.id)) },
    report: (cause) => void reports.push(cause),
  });
  const arrive = (...items: readonly Waiting[]) => {
    for (const item of items) tier.push(item);
    buffers.arrived(tier);
  };
  return { forwarder, tier, committed, failures, reports, arrive, asked: () => asked };
}

describe("a forwarder", () => {
  it("commits a message once it is stored at its next place, never before", async () => {
    const answer = Promise.withResolvers<void>();
    const { forwarder, tier, committed, arrive } = forwarding(() => answer.promise);
    forwarder.begin(tier);
    arrive(waiting("a"), waiting("b", { waitMs: 200 }));
    await pass(50);
    expect(committed).toEqual([]);
    answer.resolve();
    await pass(50);
    expect(committed).toEqual(["a"]);
    await pass(200);
    expect(committed, "when it is due, and not before").toEqual(["a", "b"]);
    await forwarder.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("passes over nothing that could not be stored, however often it fails", async () => {
    let failing = 3;
    const routed: string[][] = [];
    const { forwarder, tier, committed, reports, arrive } = forwarding(async (ids) => {
      routed.push([...ids]);
      if (failing-- > 0) throw passing;
    });
    forwarder.begin(tier);
    arrive(waiting("a"));
    await pass(50);
    arrive(waiting("b"));
    await pass(3_000);
    expect(routed).toEqual([["a"], ["a"], ["a"], ["a"], ["b"]]);
    expect(committed).toEqual(["a", "b"]);
    expect(reports).toEqual([passing, passing, passing]);
    await forwarder.close();
  });

  it("commits again what was not committed, though nothing more comes", async () => {
    const { forwarder, tier, committed, failures, arrive } = forwarding(async () => {});
    failures.open = passing;
    failures.commit = passing;
    forwarder.begin(tier);
    arrive(waiting("a"));
    await pass(2_000);
    expect(committed).toEqual(["a"]);
    await forwarder.close();
  });

  it("waits, within a bound, for what is under way when a tier goes or when it closes", async () => {
    const answer = Promise.withResolvers<void>();
    const { forwarder, tier, committed, arrive } = forwarding(() => answer.promise);
    forwarder.begin(tier);
    arrive(waiting("a"));
    await pass(10);
    let isFinished = false;
    const finished = forwarder.finish([tier]).then(() => {
      isFinished = true;
    });
    await pass(500);
    expect(isFinished).toBe(false);
    answer.resolve();
    await finished;
    expect(committed).toEqual(["a"]);

    const stuck = forwarding(() => new Promise(() => {}));
    stuck.forwarder.begin(stuck.tier);
    stuck.arrive(waiting("a"));
    await pass(10);
    const closed = stuck.forwarder.close();
    await pass(2_000);
    await closed;
    expect(stuck.committed).toEqual([]);
    expect(stuck.tier.isAlive).toBe(false);
  });
});

describe("a forwarder and the clocks of others", () => {
  const hourMs = 3_600_000;
  /** A forwarder whose clock differs from its broker's by so much, and what was delivered. */
  function world(skewMs: number, tierNumber = 0) {
    const start = performance.now();
    const set = { ms: 0 };
    const broker = () => Math.floor(500_000_000 + performance.now() - start + set.ms);
    vi.setSystemTime(broker() + skewMs);
    const delivered: string[] = [];
    const parts = forwarding(async (ids) => void delivered.push(...ids), {
      tierNumber,
      brokerTime: async () => {
        await pause(2);
        const told = broker();
        await pause(2);
        return told;
      },
    });
    parts.forwarder.begin(parts.tier);
    return { ...parts, delivered, broker, set };
  }
  const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

  it.each([-hourMs, -1_500, 0, 1_500, hourMs])(
    "forwards a fresh message when it is due, if its own clock is off by %i ms",
    async (skewMs) => {
      const { arrive, delivered, broker, forwarder } = world(skewMs);
      arrive(waiting("a", { enteredAt: broker(), waitMs: 200 }));
      await pass(190);
      expect(delivered).toEqual([]);
      await pass(20);
      expect(delivered).toEqual(["a"]);
      await forwarder.close();
    },
  );

  it.each([-hourMs, 0, hourMs])(
    "forwards what has waited when it began, its own clock off by %i ms, neither early nor late",
    async (skewMs) => {
      const { arrive, delivered, broker, forwarder } = world(skewMs, 5);
      const enteredAt = broker() - 50_000;
      arrive(waiting("a", { enteredAt, waitMs: 64_000 }), waiting("past", { enteredAt, waitMs: 64_100 }));
      await pass(13_990);
      expect(delivered).toEqual([]);
      await pass(120);
      expect(delivered).toEqual(["a", "past"]);
      await forwarder.close();
    },
  );

  it("keeps to its times when its own clock is set, or the broker's is, while messages wait", async () => {
    for (const byMs of [-hourMs, hourMs]) {
      for (const whose of ["its own", "the broker's"]) {
        const { arrive, delivered, broker, set, forwarder } = world(0);
        arrive(waiting("a", { enteredAt: broker(), waitMs: 250 }));
        await pass(100);
        if (whose === "its own") vi.setSystemTime(Date.now() + byMs);
        else set.ms = byMs;
        await pass(140);
        expect(delivered, `${whose} by ${byMs}`).toEqual([]);
        await pass(20);
        expect(delivered, `${whose} by ${byMs}`).toEqual(["a"]);
        await forwarder.close();
      }
    }
  });

  it.each([-hourMs, hourMs])(
    "dates what has arrived by the broker's clock of then, set by %i ms since",
    async (byMs) => {
      const { arrive, delivered, broker, set, asked, forwarder } = world(0, 5);
      arrive(waiting("first", { enteredAt: broker(), waitMs: 64_000 }));
      await pass(2_000);
      arrive(waiting("second", { enteredAt: broker(), waitMs: 64_000 }));
      await pass(61_000);
      set.ms = byMs;
      arrive(waiting("third", { enteredAt: broker(), waitMs: 64_000 }));
      await pass(2_980);
      expect([asked(), delivered]).toEqual([2, ["first"]]);
      await pass(40);
      expect(delivered).toEqual(["first", "second"]);
      await pass(60_960);
      expect(delivered).toEqual(["first", "second"]);
      await pass(40);
      expect(delivered).toEqual(["first", "second", "third"]);
      await forwarder.close();
    },
  );

  it("makes no wait longer than it was, from the arrival on, whatever was written beside it", async () => {
    const { arrive, delivered, broker, forwarder } = world(-hourMs);
    arrive(waiting("ahead", { enteredAt: broker() + hourMs, waitMs: 200 }));
    await pass(215);
    expect(delivered).toEqual(["ahead"]);
    arrive(waiting("undated", { waitMs: 200 }));
    await pass(190);
    expect(delivered).toEqual(["ahead"]);
    await pass(20);
    expect(delivered).toEqual(["ahead", "undated"]);
    await forwarder.close();
  });

  it("holds back what it cannot date until the broker has answered", async () => {
    let fails = true;
    const delivered: string[] = [];
    const { forwarder, tier, arrive, reports } = forwarding(async (ids) => void delivered.push(...ids), {
      brokerTime: async () => {
        if (fails) throw passing;
        return Date.now();
      },
    });
    forwarder.begin(tier);
    arrive(waiting("a", { enteredAt: Date.now() - 1_000, waitMs: 1_000 }));
    await pass(1_000);
    expect([delivered.length, reports.length > 0]).toEqual([0, true]);
    fails = false;
    await pass(2_000);
    expect(delivered).toEqual(["a"]);
    await forwarder.close();
  });

  it("asks no more often than once a minute, and only where something has come", async () => {
    const { arrive, broker, asked, forwarder } = world(0);
    await pass(600_000);
    expect(asked()).toBe(0);
    for (let second = 0; second < 119; second++) {
      arrive(waiting(`${second}`, { enteredAt: broker(), waitMs: 100 }));
      await pass(1_000);
    }
    expect(asked()).toBe(2);
    await forwarder.close();
  });
});

describe("a forwarder that consumers share", () => {
  function shared(found: () => Promise<string | undefined>) {
    const running = new Set<{ end: () => void }>();
    let started = 0;
    const reports: unknown[] = [];
    const stop = new AbortController();
    const forwarder = new SharedDelayForwarder({
      find: found,
      start: (_, onEnd) => {
        started++;
        const one = { end: onEnd };
        running.add(one);
        return {
          close: async () => {
            running.delete(one);
          },
        };
      },
      lookAgain: { firstMs: 1_000, maxMs: 4_000 },
      report: (cause) => void reports.push(cause),
      signal: stop.signal,
    });
    return { forwarder, running, started: () => started, reports, stop };
  }

  it("runs once for all of them, and as long as one of them needs it", async () => {
    const { forwarder, running, started } = shared(async () => "topic");
    const [one, two] = await Promise.all([forwarder.use(), forwarder.use()]);
    expect(started()).toBe(1);
    await one();
    await one();
    expect(running.size).toBe(1);
    await two();
    expect(running.size).toBe(0);
    expect(forwarder.isUsed).toBe(false);
  });

  it("is started again when it has ended, and when its topic comes later", async () => {
    let topic: string | undefined;
    const { forwarder, running, started } = shared(async () => topic);
    const release = await forwarder.use();
    await pass(3_500);
    expect(started()).toBe(0);
    topic = "topic";
    await pass(4_000);
    expect(started()).toBe(1);
    for (const one of running) one.end();
    await pass(1_500);
    expect(started()).toBe(2);
    await release();
  });

  it("is looked for no more when nobody uses it or the connection is closed", async () => {
    const { forwarder, started, stop, reports } = shared(async () => undefined);
    const release = await forwarder.use();
    await release();
    await pass(10_000);
    expect(vi.getTimerCount()).toBe(0);
    await forwarder.use();
    stop.abort();
    await pass(10_000);
    expect([started(), vi.getTimerCount(), reports.length]).toEqual([0, 0, 0]);
  });

  it("is not needed by whom it could not be looked for", async () => {
    const { forwarder } = shared(() => Promise.reject(passing));
    await expect(forwarder.use()).rejects.toBe(passing);
    expect(forwarder.isUsed).toBe(false);
  });
});
