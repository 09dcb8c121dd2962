import { Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  call,
  consume,
  item,
  message,
  messages,
  take,
  text,
  texts,
} from "../../../scripts/testing/workbench.ts";
import { RabbitmqBench } from "./workbench.ts";

const bench = new RabbitmqBench();
afterEach(() => bench.end());

describe("publishing and consuming", () => {
  it("brings a queue's message with all of its parts", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const headers = {
      plain: "text",
      "ünï/cödé 😀": "line\nbreak",
      CC: "copy",
      BCC: "blind",
      "x-death": "mine",
      "x-delivery-count": "7",
      "waybill-attempt": "2",
    };
    const sent = message({
      body: "hello",
      headers: Object.assign(Object.create(null), headers, JSON.parse('{"__proto__":"odd"}')),
      timestamp: 1_700_000_000_123,
      expiresAt: Date.now() + 60_000,
      replyTo: "inbox-1",
      correlationId: "c-1",
      key: "käse",
    });
    expect(await connection.publish(queue, [sent], call)).toEqual([{ ok: true }]);
    const consumer = await consume(connection, queue);
    const [got] = await take(consumer, 1);
    expect(got).toMatchObject({
      id: sent.id,
      contentType: "text/plain",
      key: "käse",
      timestamp: sent.timestamp,
      expiresAt: sent.expiresAt,
      replyTo: "inbox-1",
      correlationId: "c-1",
      redeliveries: 0,
    });
    expect(text(got as never)).toBe("hello");
    expect(Object.entries(got?.headers ?? {}).sort()).toEqual(
      [...Object.entries(headers), ["__proto__", "odd"]].sort(),
    );
  });

  it("gives every group of a topic a copy, and says when nobody has one", async () => {
    const connection = await bench.connect();
    const topic = bench.address("topic");
    await bench.ensure(connection, item(topic));
    expect(
      await connection.publish(topic, [message({ body: "lost" }), message({ body: "too" })], call),
    ).toEqual([
      { ok: true, unrouted: true },
      { ok: true, unrouted: true },
    ]);
    const groups = ["a", "b"].map((group) => bench.address("group", { name: topic.name, group }));
    await bench.ensure(connection, ...groups.map((group) => item(group)));
    expect(await connection.publish(topic, [message({ body: "hello" })], call)).toEqual([{ ok: true }]);
    for (const group of groups) {
      const consumer = await consume(connection, group);
      expect(texts(await take(consumer, 1))).toEqual(["hello"]);
    }
    await connection.publish(groups[0] as never, [message({ body: "only a" })], call);
    const [a, b] = await Promise.all(groups.map((group) => consume(connection, group)));
    // The first consumers share with these.
    expect([a, b]).toHaveLength(2);
  });

  it("says NOT_FOUND for what is not there, and harms nothing else", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const nowhere = bench.address("topic");
    const [fine, missing, absent] = await Promise.allSettled([
      connection.publish(
        queue,
        messages(300, (n) => ({ body: `${n}` })),
        call,
      ),
      connection.publish(bench.address("queue"), [message()], call),
      connection.publish(nowhere, [message()], call),
    ]);
    expect(fine.status === "fulfilled" && fine.value.every(({ ok }) => ok)).toBe(true);
    expect(missing.status === "fulfilled" && missing.value[0]).toMatchObject({
      ok: false,
      cause: { code: "NOT_FOUND" },
    });
    expect(absent).toMatchObject({ status: "rejected", reason: { code: 404 } });
  });

  it("goes on after a topic was deleted under it", async () => {
    const connection = await bench.connect();
    const queue = bench.address("queue");
    const topic = bench.address("topic");
    await bench.ensure(connection, item(queue), item(topic));
    await connection.publish(topic, [message()], call);
    // By someone else: what this connection removes itself, it looks up before it publishes there again.
    await (await bench.connect()).topology.remove([topic], call);
    const [gone, fine] = await Promise.all([
      connection.publish(topic, [message()], call),
      connection.publish(queue, [message({ body: "y" })], call),
    ]);
    expect(gone[0]).toMatchObject({ ok: false, cause: { code: 404 } });
    if (!fine[0]?.ok) expect(fine[0]).toMatchObject({ cause: { code: "CONNECTION_LOST", retryable: true } });
    await expect(connection.publish(topic, [message()], call)).rejects.toMatchObject({
      code: 404,
    });
    expect(await connection.publish(queue, [message({ body: "z" })], call)).toEqual([{ ok: true }]);
  });

  it("refuses only the message whose headers cannot be sent", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", { ordered: true });
    const outcomes = await connection.publish(
      queue,
      [
        message({ body: "1", key: "a" }),
        message({ body: "2", key: "a", headers: { big: "x".repeat(70_000) } }),
        message({ body: "3", key: "a" }),
        message({ body: "4", key: "b" }),
        message({ body: "5", key: "c", headers: { ["n".repeat(300)]: "x" } }),
      ],
      call,
    );
    expect(outcomes[0]).toEqual({ ok: true });
    expect(outcomes[1]).toMatchObject({ ok: false, cause: { code: "MESSAGE_TOO_LARGE" } });
    expect(outcomes[2]).toMatchObject({ ok: false, cause: { retryable: true } });
    expect(outcomes[3]).toEqual({ ok: true });
    expect(outcomes[4]).toMatchObject({ ok: false, cause: { code: "INVALID_HEADER" } });
  });

  it("names the message that the broker finds too large, and sends the others again", async () => {
    const connection = await bench.connect({ maxMessageBytes: 33_554_432 });
    const queue = await bench.made(connection, "queue");
    const outcomes = await connection.publish(
      queue,
      [message({ body: "small" }), message({ body: new Uint8Array(17 * 1024 * 1024) })],
      call,
    );
    expect(connection).toBeDefined();
    expect(outcomes[1]).toMatchObject({ ok: false, cause: { code: 406 } });
    expect(await connection.publish(queue, [message({ body: "after" })], call)).toEqual([{ ok: true }]);
  });

  it("leaves in few writes when it is published with many others", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    await connection.publish(queue, [message()], call);
    const writes = [vi.spyOn(Socket.prototype, "_write"), vi.spyOn(Socket.prototype, "_writev" as "_write")];
    expect(await connection.publish(queue, messages(500), call)).toHaveLength(500);
    expect(writes.reduce((total, { mock }) => total + mock.calls.length, 0)).toBeLessThan(50);
    vi.restoreAllMocks();
  });
});
