import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type BufferedItem,
  type DelayedMessage,
  DelayForwarder,
  DueMessageRouter,
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
  readonly dueAt: number;
  readonly to: string;
  readonly missingSince?: number | undefined;
}

const waiting = (id: string, fields: Partial<Waiting> = {}): Waiting => ({
  id,
  bytes: 1,
  dueAt: Date.now(),
  to: "orders",
  ...fields,
});

const delayed = (message: Waiting): DelayedMessage<Waiting> => ({
  message,
  dueAt: message.dueAt,
  enteredAt: message.dueAt,
  destination: message.to,
  missingSince: message.missingSince,
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
      keep: (tier, messages) => store(`tier ${tier}`, messages),
      postponed: (message, until, missingSince) => ({ ...message, dueAt: until, missingSince }),
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
    const { router, ids } = log();
    const now = Date.now();
    await router.route(
      [
        waiting("due"),
        waiting("other", { to: "jobs" }),
        waiting("soon", { dueAt: now + 1_200 }),
        waiting("sooner", { dueAt: now + 100 }),
        waiting("also due"),
      ].map(delayed),
    );
    expect(ids("orders")).toEqual(["due", "also due"]);
    expect(ids("jobs")).toEqual(["other"]);
    expect(ids("tier 2")).toEqual(["soon"]);
    expect(ids("tier 0")).toEqual(["sooner"]);
  });

  it("is put back where its destination does not take it, and holds up nobody", async () => {
    const { router, ids, topics, reports } = log(new Map([["orders", passing]]));
    await router.route([waiting("a"), waiting("b", { to: "jobs" })].map(delayed));
    expect(ids("jobs")).toEqual(["b"]);
    expect(topics.get("tier 2")).toMatchObject([{ id: "a", dueAt: Date.now() + 1_000 }]);
    expect(reports).toEqual([passing]);
  });

  it("waits longer where only a change by somebody can help", async () => {
    const { router, topics } = log(new Map([["orders", refused]]));
    await router.route([delayed(waiting("a"))]);
    expect(topics.get("tier 4")).toMatchObject([{ id: "a", dueAt: Date.now() + 16_000 }]);
  });

  it("is given up once its destination has been missing at every try for a minute, not before", async () => {
    const { router, topics, reports } = log(new Map([["orders", missing]]));
    const since = Date.now() - 59_000;
    await router.route([waiting("a", { missingSince: since }), waiting("b")].map(delayed));
    expect(topics.get("tier 2")).toMatchObject([
      { id: "a", missingSince: since },
      { id: "b", missingSince: Date.now() },
    ]);
    topics.clear();
    await pass(2_000);
    await router.route([delayed(waiting("a", { missingSince: since }))]);
    expect([...topics]).toEqual([]);
    expect(reports).toHaveLength(3);
  });

  it("is given up where it can be written nowhere again, and takes nothing along", async () => {
    const { router, ids, reports } = log(new Map([["odd", unwritable]]));
    const early = { dueAt: Date.now() + 1_200 };
    await router.route([waiting("odd"), waiting("fine")].map(delayed));
    await router.route([waiting("odd", early), waiting("later", early)].map(delayed));
    expect(ids("orders")).toEqual(["fine"]);
    expect(ids("tier 2")).toEqual(["later"]);
    expect(reports).toEqual([unwritable, unwritable]);
  });

  it("is stored in a tier however often it takes, until it is closed", async () => {
    const { router, ids, failures, stop } = log(new Map([["tier 2", passing]]));
    const early = waiting("a", { dueAt: Date.now() + 1_200 });
    let isDone = false;
    const routed = router.route([delayed(early)]).then(() => {
      isDone = true;
    });
    await pass(10_000);
    expect(isDone).toBe(false);
    failures.clear();
    await pass(2_000);
    await routed;
    expect(ids("tier 2").length + ids("tier 0").length).toBe(1);
    failures.set("tier 2", passing);
    const given = router.route([delayed(waiting("b", { dueAt: Date.now() + 1_200 }))]);
    const rejected = expect(given).rejects.toThrow("closed");
    stop.abort();
    await rejected;
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a forwarder", () => {
  /** A forwarder with one tier, of which `route` says what becomes of a batch. */
  function forwarding(route: (ids: readonly string[]) => Promise<void>) {
    const buffers = new PartitionBuffers<Waiting, PartitionBuffer<Waiting>>({
      prefetch: 1_000,
      prefetchBytes: 1_000,
    });
    const tier = new PartitionBuffer<Waiting>("delayed-0");
    const committed: string[] = [];
    const failures: { open?: unknown; commit?: unknown } = {};
    const reports: unknown[] = [];
    const failOnce = (what: "open" | "commit") => {
      const cause = failures[what];
      delete failures[what];
      if (cause !== undefined) throw cause;
    };
    const forwarder = new DelayForwarder({
      buffers,
      source: {
        open: async () => failOnce("open"),
        tierOf: () => 0,
        read: (_: PartitionBuffer<Waiting>, item: Waiting) => delayed(item),
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
    return { forwarder, tier, committed, failures, reports, arrive };
  }

  it("commits a message once it is stored at its next place, never before", async () => {
    const answer = Promise.withResolvers<void>();
    const { forwarder, tier, committed, arrive } = forwarding(() => answer.promise);
    forwarder.begin(tier);
    arrive(waiting("a"), waiting("b", { dueAt: Date.now() + 200 }));
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
