import type { Address, Filter, HeaderCondition, StartPosition } from "@waybill/core/spi";
import { expect, test } from "vitest";
import { matches } from "../src/broker/filter.ts";
import { group, inbox, message, queue, texts, topic, workbench } from "./workbench.ts";

const call = { signal: new AbortController().signal };
const kept = topic("t", { retained: true });

async function bench(options = {}) {
  const bench = await workbench(options);
  await bench.ensure(kept);
  const ensureGroup = (address: Address, start: StartPosition, filter?: Filter) =>
    bench.connection.topology.ensure([{ address, start, filter }], call);
  return { ...bench, ensureGroup };
}

test("a group that comes late begins where it asks to", async () => {
  const { publish, consume, clock, ensureGroup } = await bench();
  await publish(kept, "1");
  await clock.advance(10);
  const noon = clock.now();
  const [second] = await publish(kept, "2", "3");
  expect(second).toEqual({ ok: true, position: "1" });
  const starts: [string, StartPosition, string[]][] = [
    ["latest", { from: "latest" }, []],
    ["earliest", { from: "earliest" }, ["1", "2", "3"]],
    ["time", { from: "time", timestamp: noon }, ["2", "3"]],
    ["early", { from: "time", timestamp: 0 }, ["1", "2", "3"]],
    ["position", { from: "position", position: "2" }, ["3"]],
    ["future", { from: "position", position: "9" }, []],
  ];
  for (const [name, start] of starts) await ensureGroup(group("t", name), start);
  await publish(kept, "4");
  for (const [name, , past] of starts) {
    expect(texts(await (await consume(group("t", name))).poll()), name).toEqual([...past, "4"]);
  }
  await expect(ensureGroup(group("t", "x"), { from: "position", position: "-1" })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
  });
});

test("a replay reads the past, then what is live, and disturbs no group", async () => {
  const { publish, consume, ensure, broker } = await bench();
  await ensure(group("t", "g"));
  await publish(kept, "1", "2");
  const replay = await consume(kept, { start: { from: "earliest" } });
  await publish(kept, "3");
  const got = await replay.receive();
  expect(texts(got)).toEqual(["1", "2", "3"]);
  expect(got.map((delivery) => delivery.position)).toEqual(["0", "1", "2"]);
  await replay.ack(...got);
  await replay.close();
  expect(texts(await (await consume(group("t", "g"))).poll())).toEqual(["1", "2", "3"]);
  expect(broker.resources.topics.get("t")?.groups.size).toBe(1);
});

test("a replay leaves out what has expired and waits for what is not due", async () => {
  const { publish, consume, clock } = await bench();
  await publish(
    kept,
    message("expired", { expiresAt: clock.now() + 10 }),
    message("delayed", { delayMs: 100 }),
    "plain",
  );
  await clock.advance(10);
  const replay = await consume(kept, { start: { from: "earliest" } });
  expect(texts(await replay.poll())).toEqual(["plain"]);
  await clock.advance(90);
  expect(texts(await replay.poll())).toEqual(["delayed"]);
});

test("a retained topic keeps the latest and lets the oldest go", async () => {
  const { publish, consume } = await bench({ retainedMessages: 3, retainedBytes: 8 });
  for (const text of ["1", "2", "3", "4", "5"]) await publish(kept, text);
  const replay = (start: StartPosition) => consume(kept, { start }).then((consumer) => consumer.poll());
  expect(texts(await replay({ from: "earliest" }))).toEqual(["3", "4", "5"]);
  expect(texts(await replay({ from: "position", position: "0" }))).toEqual(["3", "4", "5"]);
  await publish(kept, "7 bytes");
  expect(texts(await replay({ from: "earliest" }))).toEqual(["5", "7 bytes"]);
});

test("a replay of a topic that keeps nothing is refused", async () => {
  const { consume, ensure } = await bench();
  await ensure(topic("plain"));
  await expect(consume(topic("plain"), { start: { from: "earliest" } })).rejects.toMatchObject({
    code: "TOPOLOGY_MISMATCH",
  });
});

test("a publish that reaches nobody says so", async () => {
  const { publish, ensure, consume, ensureGroup } = await bench();
  await ensure(topic("plain"));
  expect(await publish(topic("plain"), "x")).toEqual([{ ok: true, unrouted: true }]);
  await ensureGroup(group("plain", "red"), { from: "latest" }, { colour: "red" });
  expect(await publish(topic("plain"), "x")).toEqual([{ ok: true, unrouted: true }]);
  expect(await publish(topic("plain"), message("x", { headers: { colour: "red" } }))).toEqual([{ ok: true }]);
  const live = await consume(topic("plain"));
  expect(await publish(topic("plain"), "x")).toEqual([{ ok: true }]);
  await live.close();
  expect(await publish(topic("plain"), "x")).toEqual([{ ok: true, unrouted: true }]);
});

test("a message to one group reaches no other", async () => {
  const { publish, ensure, consume } = await bench();
  await ensure(group("t", "a"), group("t", "b"));
  await publish(group("t", "a"), message("again", { delayMs: 0 }));
  expect(texts(await (await consume(group("t", "a"))).poll())).toEqual(["again"]);
  expect(await (await consume(group("t", "b"))).poll()).toEqual([]);
});

test("conditions on headers", () => {
  const cases: [HeaderCondition, string | undefined, boolean][] = [
    ["a", "a", true],
    ["a", "b", false],
    ["a", undefined, false],
    [["a", "b"], "b", true],
    [["a", "b"], "c", false],
    [["a", "b"], undefined, false],
    [{ prefix: "eu-" }, "eu-west", true],
    [{ prefix: "eu-" }, "us-west", false],
    [{ prefix: "" }, undefined, false],
    [{ exists: true }, "", true],
    [{ exists: true }, undefined, false],
    [{ exists: false }, undefined, true],
    [{ exists: false }, "", false],
  ];
  for (const [condition, value, expected] of cases) {
    const headers = Object.assign(Object.create(null), value === undefined ? {} : { h: value });
    expect(matches({ h: condition }, headers), JSON.stringify([condition, value])).toBe(expected);
  }
  expect(matches({ a: "1", b: "2" }, { a: "1", b: "3" })).toBe(false);
  expect(matches(undefined, {})).toBe(true);
});

test("an inbox has one reader, needs no settlement and forgets what was taken", async () => {
  const { publish, consume, broker } = await bench();
  const reader = await consume(inbox("i"));
  await expect(consume(inbox("i"))).rejects.toMatchObject({ code: "TOPOLOGY_MISMATCH" });
  await publish(inbox("i"), "1", "2");
  expect(texts(await reader.poll())).toEqual(["1", "2"]);
  expect(broker.resources.inboxes.get("i")?.held).toBe(0);
  expect(broker.resources.inboxes.get("i")?.backlog).toBe(0);
  await reader.close();
  expect(broker.resources.inboxes.size).toBe(0);
});

test("what does not exist is not found, and not made", async () => {
  const { publish, consume, broker, connection } = await workbench();
  for (const address of [topic("t"), group("t", "g"), queue("q"), inbox("i")]) {
    await expect(publish(address, "x")).rejects.toMatchObject({ code: "NOT_FOUND" });
    if (address.kind !== "inbox") await expect(consume(address)).rejects.toMatchObject({ code: "NOT_FOUND" });
  }
  expect(await connection.topology.inspect([topic("t"), group("t", "g"), queue("q")], call)).toMatchObject([
    { exists: false },
    { exists: false },
    { exists: false },
  ]);
  expect(broker.resources.topics.size + broker.resources.queues.size).toBe(0);
});

test("making is idempotent, and tells what stands in the way", async () => {
  const { ensure, ensureGroup, connection, publish } = await workbench().then(async (bench) => ({
    ...bench,
    ensureGroup: (address: Address, filter?: Filter) =>
      bench.connection.topology.ensure([{ address, start: { from: "latest" }, filter }], call),
  }));
  await ensure(queue("q"), queue("q"), group("t", "g"), group("t", "g"));
  await publish(queue("q"), "1", message("2", { delayMs: 60_000 }));
  const [state] = await connection.topology.inspect([queue("q")], call);
  expect(state).toEqual({ address: queue("q"), exists: true, differences: [], backlog: 2, unsettled: 0 });

  const ordered = { ordered: true };
  const mismatch = { code: "TOPOLOGY_MISMATCH" };
  await expect(ensure(queue("q", ordered))).rejects.toMatchObject(mismatch);
  await expect(ensure(group("t", "g", ordered))).rejects.toMatchObject(mismatch);
  await expect(ensureGroup(group("t", "g"), { a: "1" })).rejects.toMatchObject(mismatch);
  await ensureGroup(group("t", "f"), { a: ["1", "2"] });
  await ensureGroup(group("t", "f"), { a: ["2", "1"] });
  const states = await connection.topology.inspect(
    [queue("q", ordered), topic("t", { retained: true })],
    call,
  );
  expect(states.map(({ differences }) => differences.length)).toEqual([1, 1]);
  await ensure(topic("t", { retained: true }));
  expect((await connection.topology.inspect([topic("t", { retained: true })], call))[0]?.differences).toEqual(
    [],
  );
});

test("removing ends those who consume, and what is not there is no error", async () => {
  const { ensure, consume, connection, publish } = await workbench();
  await ensure(queue("q"), group("t", "a"), group("t", "b"));
  const told = [queue("q"), group("t", "a"), group("t", "b"), topic("t")].map(async (address) => {
    const consumer = await consume(address);
    await expect(consumer.receive()).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
  const remove = (...addresses: Address[]) => connection.topology.remove(addresses, call);
  await remove(queue("q"), group("t", "a"), queue("nothing"));
  const states = await connection.topology.inspect([queue("q"), group("t", "a"), group("t", "b")], call);
  expect(states.map(({ exists }) => exists)).toEqual([false, false, true]);
  await remove(topic("t"), topic("t"), group("t", "a"));
  await expect(publish(topic("t"), "x")).rejects.toMatchObject({ code: "NOT_FOUND" });
  await Promise.all(told);
});
