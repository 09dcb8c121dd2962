import { expect, test } from "vitest";
import { group, message, queue, texts, topic, workbench } from "./workbench.ts";

const overloaded = { ok: false, cause: { code: "OVERLOADED", retryable: true } };

test("a queue takes so many messages, and more once some are settled", async () => {
  const { ensure, publish, consume } = await workbench({ maxMessages: 2 });
  await ensure(queue("q"));
  expect(await publish(queue("q"), "1", "2", "3")).toMatchObject([{ ok: true }, { ok: true }, overloaded]);
  const consumer = await consume(queue("q"));
  const held = await consumer.receive();
  expect(await publish(queue("q"), "4")).toMatchObject([overloaded]);
  await consumer.ack(...held);
  expect(await publish(queue("q"), "5")).toMatchObject([{ ok: true }]);
});

test("a queue takes so many bytes: bodies, keys and headers", async () => {
  const { ensure, publish } = await workbench({ maxBytes: 10 });
  await ensure(queue("q"));
  const outcomes = await publish(queue("q"), "12345", message("6", { headers: { abc: "de" } }), "7890");
  expect(outcomes).toMatchObject([{ ok: true }, overloaded, { ok: true }]);
});

test("what follows a refused message of the same key is refused too", async () => {
  const { ensure, publish, consume } = await workbench({ maxBytes: 10 });
  const ordered = queue("q", { ordered: true });
  await ensure(ordered);
  const keyed = (text: string, key: string) => message(text, { key });
  expect(
    await publish(ordered, keyed("too long a text", "a"), keyed("1", "a"), keyed("2", "b")),
  ).toMatchObject([overloaded, overloaded, { ok: true }]);
  expect(texts(await (await consume(ordered)).poll())).toEqual(["2"]);
});

test("a topic gives a message to all of its groups or to none", async () => {
  const { ensure, publish, consume } = await workbench({ maxMessages: 1 });
  await ensure(group("t", "slow"), group("t", "quick"));
  const quick = await consume(group("t", "quick"));
  await publish(topic("t"), "1");
  await quick.ack(...(await quick.receive()));
  expect(await publish(topic("t"), "2")).toMatchObject([overloaded]);
  expect(await quick.poll()).toEqual([]);
});

test("messages that expire make room", async () => {
  const { ensure, publish, clock } = await workbench({ maxMessages: 1 });
  await ensure(queue("q"));
  await publish(queue("q"), message("1", { expiresAt: clock.now() + 10 }));
  await clock.advance(10);
  expect(await publish(queue("q"), "2")).toMatchObject([{ ok: true }]);
});

test.each([{ ordered: false }, { ordered: true }])(
  "a consumer holds no more bytes than its prefetch, and gets more as it settles: %o",
  async (nature) => {
    const { ensure, publish, consume } = await workbench();
    await ensure(queue("q", nature));
    await publish(queue("q", nature), "12345", "12345", "12345", "12345");
    const consumer = await consume(queue("q", nature), { prefetchBytes: 12 });
    const held = await consumer.receive();
    expect(texts(held)).toEqual(["12345", "12345"]);
    expect(await consumer.poll()).toEqual([]);

    const more = consumer.receive();
    await consumer.ack(...held.slice(0, 1));
    expect(await more).toHaveLength(1);
    const other = await consume(queue("q", nature));
    expect(await other.poll()).toHaveLength(1);
  },
);

test("a message larger than the prefetch comes alone", async () => {
  const { ensure, publish, consume } = await workbench();
  await ensure(queue("q"));
  await publish(queue("q"), "much too large", "1", "2");
  const consumer = await consume(queue("q"), { prefetchBytes: 3 });
  const held = await consumer.receive();
  expect(texts(held)).toEqual(["much too large"]);
  const more = consumer.receive();
  await consumer.retry(held[0], 1_000);
  expect(texts(await more)).toEqual(["1", "2"]);
});
