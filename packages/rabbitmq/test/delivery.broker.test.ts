import { afterEach, describe, expect, it } from "vitest";
import {
  address,
  brokerUrl,
  call,
  consumerHooks,
  item,
  message,
  receive,
  source,
  Tidy,
  textOf,
  uniqueName,
} from "./support.ts";

const tidy = new Tidy();
afterEach(() => tidy.up());

describe("publishing and consuming", () => {
  it("brings a queue's message with all of its parts", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName());
    await tidy.made(connection, item(queue));
    const headers = {
      plain: "text",
      "ünï/cödé 😀": "line\nbreak",
      CC: "copy",
      BCC: "blind",
      "x-death": "mine",
      "x-delivery-count": "7",
      "waybill-attempt": "2",
    };
    const sent = message("hello", {
      headers: Object.assign(Object.create(null), headers, JSON.parse('{"__proto__":"odd"}')),
      timestamp: 1_700_000_000_123,
      expiresAt: Date.now() + 60_000,
      replyTo: "inbox-1",
      correlationId: "c-1",
      key: "käse",
    });
    expect(await connection.publish(queue, [sent], call)).toEqual([{ ok: true }]);
    const consumer = await connection.consume(source(queue), consumerHooks, call);
    const [got] = await receive(consumer, 1);
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
    expect(textOf(got as never)).toBe("hello");
    expect(Object.entries(got?.headers ?? {}).sort()).toEqual(
      [...Object.entries(headers), ["__proto__", "odd"]].sort(),
    );
  });

  it("gives every group of a topic a copy, and says when nobody has one", async () => {
    const { connection } = await tidy.open();
    const name = uniqueName();
    const topic = address("topic", name);
    await tidy.made(connection, item(topic));
    expect(await connection.publish(topic, [message("lost"), message("too")], call)).toEqual([
      { ok: true, unrouted: true },
      { ok: true, unrouted: true },
    ]);
    const groups = ["a", "b"].map((group) => address("group", name, { group, physicalGroup: group }));
    await tidy.made(connection, ...groups.map((group) => item(group)));
    expect(await connection.publish(topic, [message("hello")], call)).toEqual([{ ok: true }]);
    for (const group of groups) {
      const consumer = await connection.consume(source(group), consumerHooks, call);
      expect((await receive(consumer, 1)).map(textOf)).toEqual(["hello"]);
    }
    await connection.publish(groups[0] as never, [message("only a")], call);
    const [a, b] = await Promise.all(
      groups.map((group) => connection.consume(source(group), consumerHooks, call)),
    );
    // The first consumers share with these.
    expect([a, b]).toHaveLength(2);
  });

  it("says NOT_FOUND for what is not there, and harms nothing else", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName());
    await tidy.made(connection, item(queue));
    const nowhere = address("topic", uniqueName());
    const [fine, missing, absent] = await Promise.allSettled([
      connection.publish(
        queue,
        Array.from({ length: 300 }, (_, n) => message(`${n}`)),
        call,
      ),
      connection.publish(address("queue", uniqueName()), [message("x")], call),
      connection.publish(nowhere, [message("x")], call),
    ]);
    expect(fine.status === "fulfilled" && fine.value.every(({ ok }) => ok)).toBe(true);
    expect(missing.status === "fulfilled" && missing.value[0]).toMatchObject({
      ok: false,
      cause: { code: "NOT_FOUND" },
    });
    expect(absent).toMatchObject({ status: "rejected", reason: { code: 404 } });
  });

  it("goes on after a topic was deleted under it", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName());
    const topic = address("topic", uniqueName());
    await tidy.made(connection, item(queue), item(topic));
    await connection.publish(topic, [message("x")], call);
    await connection.topology.remove([topic], call);
    const [gone, fine] = await Promise.all([
      connection.publish(topic, [message("x")], call),
      connection.publish(queue, [message("y")], call),
    ]);
    expect(gone[0]).toMatchObject({ ok: false, cause: { code: 404 } });
    if (!fine[0]?.ok) expect(fine[0]).toMatchObject({ cause: { code: "CONNECTION_LOST", retryable: true } });
    await expect(connection.publish(topic, [message("x")], call)).rejects.toMatchObject({ code: 404 });
    expect(await connection.publish(queue, [message("z")], call)).toEqual([{ ok: true }]);
  });

  it("refuses only the message whose headers cannot be sent", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName(), { ordered: true });
    await tidy.made(connection, item(queue));
    const outcomes = await connection.publish(
      queue,
      [
        message("1", { key: "a" }),
        message("2", { key: "a", headers: { big: "x".repeat(70_000) } }),
        message("3", { key: "a" }),
        message("4", { key: "b" }),
        message("5", { key: "c", headers: { ["n".repeat(300)]: "x" } }),
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
    const { connection } = await tidy.open(`${brokerUrl}?maxMessageBytes=33554432`);
    const queue = address("queue", uniqueName());
    await tidy.made(connection, item(queue));
    const outcomes = await connection.publish(
      queue,
      [message("small"), message("", { body: new Uint8Array(17 * 1024 * 1024) })],
      call,
    );
    expect(connection).toBeDefined();
    expect(outcomes[1]).toMatchObject({ ok: false, cause: { code: 406 } });
    expect(await connection.publish(queue, [message("after")], call)).toEqual([{ ok: true }]);
  });
});
