import { describe, expect, it, vi } from "vitest";
import { bytesTaken, namesWithoutEnd, newestName } from "../../../scripts/testing/remembered-names.ts";
import { DeadLetterQueues } from "../src/client/dead-letter-queues.ts";
import { Names } from "../src/connection/names.ts";
import { TopologyKeeper } from "../src/connection/topology-keeper.ts";
import { AttemptMemory } from "../src/consuming/attempt-memory.ts";
import { requestHeaders } from "../src/consuming/request-headers.ts";
import { MessagingError } from "../src/errors/messaging-error.ts";
import { memoryDeduplicationStore, queue, topic } from "../src/index.ts";
import { RequestAges } from "../src/requests/request-age.ts";
import { BoundedMap } from "../src/runtime/bounded-map.ts";
import type { Address } from "../src/spi/address.ts";
import { ManualClock } from "./manual-clock.ts";
import { ScriptedDriver } from "./scripted-driver.ts";
import { connected, delivery } from "./workbench.ts";

const megabyte = 2 ** 20;

// Each measures the heap after collecting it, several times.
vi.setConfig({ testTimeout: 120_000 });

const addressOf = (name: string, kind: Address["kind"] = "queue", group?: string): Address => ({
  kind,
  name,
  group,
  brokerName: name,
  brokerGroup: group,
  ordered: false,
  retained: false,
});
const jobs = addressOf("jobs");

/** What a failed attempt leaves in the memory of a client. */
const failed = (error: unknown) => ({
  nextAttempt: 2,
  suspect: false,
  losses: 0,
  blocks: false,
  notBefore: 1e12,
  firstFailedAt: 1e12,
  lastError: error,
});

describe("a bounded map", () => {
  it("takes no more than it may of keys that never end, and has the newest", () => {
    const map = new BoundedMap<number>(megabyte);
    const taken = bytesTaken(() => {
      let n = 0;
      for (const name of namesWithoutEnd(megabyte)) map.set(name, n++);
      return map;
    });
    expect(taken).toBeLessThan(megabyte);
    expect(map.has(newestName)).toBe(true);
    expect([...map.keys()].at(-1)).toBe(newestName);
  });

  it("has room for as much as before once it was cleared", () => {
    const map = new BoundedMap<number>(3 * 142);
    for (const key of "abcd") map.set(key, 1);
    map.clear();
    expect([map.size, map.has("d")]).toEqual([0, false]);
    for (const key of "abcd") map.set(key, 2);
    expect([...map.keys()]).toEqual(["b", "c", "d"]);
  });
});

describe("what a client remembers of attempts", () => {
  it("is at most 8 MiB of ids that never end, and the newest is there", () => {
    const attempts = new AttemptMemory();
    const message = (id: string) => delivery(1, { id });
    const taken = bytesTaken(() => {
      for (const id of namesWithoutEnd(8 * megabyte, 100)) attempts.note(jobs, message(id), failed("no"));
      return attempts;
    });
    expect(taken).toBeLessThan(8 * megabyte);
    expect(attempts.recall(jobs, message(newestName))).toMatchObject({ nextAttempt: 2 });
  });

  it("is at most 8 MiB of the usual ids, whatever they failed with", () => {
    const errors = [
      new Error("The database is away."),
      new Error("x".repeat(megabyte)),
      "x".repeat(megabyte),
      new MessagingError("HANDLER_FAILED", "Not today.", { details: { order: "o-1" } }),
      "no",
      undefined,
    ];
    for (const error of errors) {
      const attempts = new AttemptMemory();
      const taken = bytesTaken(() => {
        for (let n = 0; n < 40_000; n++)
          attempts.note(jobs, delivery(1, { id: crypto.randomUUID() }), failed(error));
        return attempts;
      });
      expect(taken, String(error).slice(0, 100)).toBeLessThan(8 * megabyte);
    }
  });

  it("is all there of 10,000 messages with the usual ids", () => {
    const attempts = new AttemptMemory();
    const messages = Array.from({ length: 10_000 }, () => delivery(1, { id: crypto.randomUUID() }));
    for (const message of messages) attempts.note(jobs, message, failed(new Error("The database is away.")));
    const known = messages.map((message) => attempts.recall(jobs, message)?.nextAttempt);
    expect(known.every((attempt) => attempt === 2)).toBe(true);
  });
});

describe("what a client remembers by texts that others chose", () => {
  const texts = {
    "the usual": (n: number) => `orders.placed.${n}`,
    short: (n: number) => n.toString(36),
    "long ones of two bytes a character": (n: number) => `${n}${"ж".repeat(200)}`,
  };
  for (const [kind, text] of Object.entries(texts)) {
    it(`is at most 12 MiB in all, and an adapter has 4 MiB: ${kind}`, () => {
      const made: unknown[] = [];
      const taken = bytesTaken(() => {
        const attempts = new AttemptMemory();
        const names = new Names(new ScriptedDriver(), { prefix: "", names: {} });
        const keeper = new TopologyKeeper(undefined as never, {
          mode: "create",
          clock: new ManualClock(),
          timeoutMs: 1_000,
          signal: new AbortController().signal,
        });
        const ages = new RequestAges();
        const deadLetters = new DeadLetterQueues();
        made.push(attempts, names, keeper, ages, deadLetters);
        for (let n = 0; n < 60_000; n++) {
          const name = text(n);
          attempts.note(jobs, delivery(1, { id: name }), failed(new Error(name)));
          names.destination({ ...topic("t"), name } as never);
          keeper.made(addressOf(name, "topic"));
          keeper.made(addressOf("orders", "group", name));
          keeper.made(addressOf(name, "group", name));
          const headers = { [requestHeaders.timeoutMs]: "1000" };
          ages.leftMs(delivery(1, { replyTo: name, headers }), 1e12 + n, 1e12 + n);
          deadLetters.consumed(addressOf(name));
          deadLetters.add(addressOf(`${name}..own`), queue("dead"));
        }
        return made;
      });
      expect(taken).toBeLessThan(12 * megabyte);
      expect(made).toHaveLength(5);
    });
  }

  it("is at most 16 MiB in each store for deduplication, which an application makes itself", async () => {
    const store = memoryDeduplicationStore({ max: Number.POSITIVE_INFINITY });
    const taken = bytesTaken(() => {
      for (let n = 0; n < 200_000; n++) void store.add(`orders|billing|${crypto.randomUUID()}`);
      return store;
    });
    expect(taken).toBeLessThan(16 * megabyte);
  });
});

describe("sources of dead-lettered messages that never end", () => {
  it("are forgotten, the oldest first, and a redrive of one says that it knows nothing of it", async () => {
    const sources = new DeadLetterQueues();
    const own = queue("own");
    const derived = queue("derived");
    for (let n = 0; n < 10_000; n++) {
      sources.add(addressOf(`jobs-${n}`), own);
      sources.consumed(addressOf(`jobs-${n}`));
    }
    expect(sources.of(addressOf("jobs-9999"), derived)).toEqual([own]);
    expect(sources.of(addressOf("jobs-0"), derived)).toEqual([derived]);
    expect([sources.knows(addressOf("jobs-9999")), sources.knows(addressOf("jobs-0"))]).toEqual([
      true,
      false,
    ]);
  });
});

describe("the default of `prefetchBytes`", () => {
  it("is 64 MiB, of what is asked of the driver", async () => {
    const { client, driver } = await connected();
    await client.consume(queue("jobs"), () => {});
    expect(driver.consumer().source.prefetchBytes).toBe(64 * megabyte);
    await client.subscribe(topic("events"), { group: "g" }, () => {});
    expect(driver.consumer().source.prefetchBytes).toBe(64 * megabyte);
  });

  it("is shared with what is fetched ahead on a log: half of it is asked of the driver", async () => {
    const { client, driver } = await connected({ capabilities: { settlement: "cumulative" } });
    await client.consume(queue("jobs"), () => {});
    expect(driver.consumer().source.prefetchBytes).toBe(32 * megabyte);
  });

  it("has what waits behind an ordering key on top of it, where one queue holds all keys", async () => {
    const { client, driver } = await connected();
    await client.consume(queue<string>("jobs", { key: (value) => value }), () => {});
    expect(driver.consumer().source.prefetchBytes).toBe(3 * 64 * megabyte);
  });
});
