import { describe, expect, it } from "vitest";
import { queue, type Start, topic } from "../src/index.ts";
import { VendorError } from "./scripted-driver.ts";
import { connected, failureOf, never } from "./workbench.ts";

const Orders = topic<number>("orders");
const Kept = topic<number>("kept", { retained: true });
const Jobs = queue<number>("jobs");

describe("what a client uses", () => {
  it("is made when it is first used, with `create`", async () => {
    const { client, driver } = await connected();
    await client.send(Jobs, 1);
    await client.consume(Jobs, () => {});
    expect(driver.ensured.map(({ address }) => `${address.kind} ${address.name}`)).toEqual([
      "queue jobs",
      "queue jobs",
    ]);
  });

  it("is looked at and never changed, with `verify`", async () => {
    const { client, driver } = await connected({}, { topology: "verify" });
    await client.send(Jobs, 1);
    await client.consume(Jobs, () => {});
    expect(driver.ensured).toEqual([]);
  });

  it("and is missing or differs is told with what is to be done, with `verify`", async () => {
    const missing = await connected({ inspect: () => ({ exists: false }) }, { topology: "verify" });
    for (const failure of [
      missing.client.consume(Jobs, () => {}),
      missing.client.subscribe(Orders, { group: "billing" }, () => {}),
    ]) {
      expect(await failureOf(failure)).toMatchObject({ code: "NOT_FOUND", remedy: expect.any(String) });
    }
    const other = await connected(
      { inspect: () => ({ differences: ["It has 1 partition."] }) },
      { topology: "verify" },
    );
    const error = await failureOf(other.client.publish(Orders, 1));
    expect(error?.code).toBe("TOPOLOGY_MISMATCH");
    expect(error?.message).toContain("It has 1 partition.");
  });

  it("is not looked at, with `assume`", async () => {
    const { client, driver } = await connected(
      {
        ensure: () => Promise.reject(new Error("no")),
        inspect: () => Promise.reject(new Error("no")),
      },
      { topology: "assume" },
    );
    await client.consume(Jobs, () => {});
    expect(driver.ensured).toEqual([]);
  });

  it("for replies is made whatever the option says, since no operator can know of it", async () => {
    const { client, driver, clock } = await connected({}, { topology: "verify" });
    void failureOf(client.request(queue("questions", { reply: {} }), 1));
    await clock.settle();
    expect(driver.ensured.map(({ address }) => address.kind)).toEqual(["inbox"]);
  });
});

describe("what never gets ready", () => {
  it("fails its subscription when the time is over, and leaves no timer", async () => {
    const { client, clock } = await connected(
      { ensure: () => never },
      { connectTimeoutMs: 1_000, publishTimeoutMs: 2_000 },
    );
    const failure = failureOf(client.subscribe(Orders, { group: "g" }, () => {}));
    await clock.pass(2_000);
    expect(await failure).toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("group") });
    expect(clock.timers).toBe(0);
  });

  it("is asked for again when its connection is lost, and the subscription begins", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected({ ensure: () => (++calls === 1 ? never : undefined) });
    const subscribing = client.subscribe(Orders, { group: "g" }, () => {});
    await clock.settle();
    driver.connection.hooks.lost(new Error("gone"));
    await clock.pass(1_000);
    expect((await subscribing).state).toBe("running");
    expect(driver.ensured).toHaveLength(2);
  });

  it("does not keep a client from closing", async () => {
    const { client, clock } = await connected({ ensure: () => never });
    const published = failureOf(client.send(Jobs, 1));
    const consuming = failureOf(client.consume(Jobs, () => {}));
    await clock.settle();
    const closing = client.close({ timeoutMs: 0 });
    await clock.pass(20_000);
    await closing;
    expect((await published)?.code).toBe("CLOSED");
    expect((await consuming)?.code).toBe("CLOSED");
    expect(clock.timers).toBe(0);
  });
});

describe("topology", () => {
  it("declares, inspects with both names, and removes", async () => {
    const { client, driver } = await connected(
      { inspect: ({ kind }) => (kind === "queue" ? { backlog: 7 } : { exists: false }) },
      { prefix: "p." },
    );
    await client.topology.declare(Orders, Jobs, { topic: Kept, group: "billing", start: "earliest" });
    expect(driver.ensured).toMatchObject([
      { address: { kind: "topic", name: "orders" } },
      { address: { kind: "queue", name: "jobs" } },
      { address: { kind: "group", name: "kept", group: "billing" }, start: { from: "earliest" } },
    ]);
    expect(await client.topology.inspect(Jobs, { topic: Orders, group: "billing" })).toEqual([
      {
        kind: "queue",
        name: "jobs",
        group: undefined,
        brokerName: "p.jobs",
        exists: true,
        differences: [],
        backlog: 7,
      },
      {
        kind: "group",
        name: "orders",
        group: "billing",
        brokerName: "p.orders",
        exists: false,
        differences: [],
        backlog: undefined,
      },
    ]);
    await client.topology.remove(Jobs);
    expect(driver.removed.map(({ brokerName }) => brokerName)).toEqual(["p.jobs"]);
  });

  it("says in Waybill's words what the broker refused", async () => {
    const { client } = await connected({
      ensure: () => {
        throw new VendorError("PERMISSION_DENIED");
      },
      inspect: () => {
        throw new VendorError("TIMEOUT");
      },
    });
    expect((await failureOf(client.topology.declare(Jobs)))?.code).toBe("PERMISSION_DENIED");
    expect((await failureOf(client.topology.inspect(Jobs)))?.code).toBe("TIMEOUT");
  });

  it("of what is no contract, or says what nobody reads, is refused", async () => {
    const { client, driver } = await connected();
    const loose = (subject: object) => client.topology.declare(subject as never);
    expect((await failureOf(loose({ topic: Jobs, group: "g" })))?.code).toBe("INVALID_ARGUMENT");
    expect((await failureOf(loose({ topic: Orders, group: "g", from: "earliest" })))?.code).toBe(
      "UNKNOWN_OPTION",
    );
    expect((await failureOf(loose({ topic: Orders, group: "g", filter: { a: 5 } })))?.code).toBe(
      "INVALID_ARGUMENT",
    );
    expect(driver.ensured).toEqual([]);
  });
});

describe("where a subscription starts", () => {
  const starts: [Start, object][] = [
    ["latest", { from: "latest" }],
    ["earliest", { from: "earliest" }],
    [{ time: 42 }, { from: "time", timestamp: 42 }],
    [{ time: new Date(42) }, { from: "time", timestamp: 42 }],
    [{ position: "7" }, { from: "position", position: "7" }],
  ];
  for (const [start, expected] of starts) {
    it(`${JSON.stringify(start)} is read`, async () => {
      const { client, driver } = await connected();
      await client.subscribe(Kept, { broadcast: true, start }, () => {});
      expect(driver.consumer().source.start).toEqual(expected);
    });
  }

  it("that cannot be read is refused", async () => {
    const { client } = await connected();
    for (const start of ["first", 5, null, {}, { time: "now" }, { position: "" }] as unknown as Start[]) {
      const failure = failureOf(client.subscribe(Kept, { broadcast: true, start }, () => {}));
      expect((await failure)?.code).toBe("INVALID_ARGUMENT");
    }
  });

  it("in the past needs a topic that keeps its messages, and a broker that can", async () => {
    const { client } = await connected();
    const subscribe = (contract: typeof Orders, options: object) =>
      failureOf(client.subscribe(contract, options as { group: string }, () => {}));
    expect((await subscribe(Orders, { broadcast: true, start: "earliest" }))?.code).toBe("INVALID_ARGUMENT");
    // The scripted broker has new groups start at the earliest, and nowhere else in the past.
    expect(await subscribe(Kept, { group: "a", start: "earliest" })).toBe(undefined);
    expect((await subscribe(Kept, { group: "b", start: { time: 42 } }))?.code).toBe("UNSUPPORTED");
  });

  it("names a group or is a broadcast, and takes nothing that nobody reads", async () => {
    const { client } = await connected();
    const subscribe = (options: object) =>
      failureOf(client.subscribe(Orders, options as { group: string }, () => {}));
    expect((await subscribe({}))?.code).toBe("INVALID_ARGUMENT");
    expect((await subscribe({ group: "g", broadcast: true }))?.code).toBe("INVALID_ARGUMENT");
    expect((await subscribe({ group: "g", from: "earliest" }))?.code).toBe("UNKNOWN_OPTION");
    expect((await failureOf(client.consume(Jobs, undefined as never, () => {})))?.code).toBe(
      "INVALID_ARGUMENT",
    );
    expect((await failureOf(client.consume(Jobs, "handler" as never)))?.code).toBe("INVALID_ARGUMENT");
  });
});
