import { connect, NonRetryableError, queue, topic } from "@waybill/core";
import { expect, expectTypeOf, test } from "vitest";
import { MemoryBroker, memory, virtualClock } from "../src/index.ts";
import { observe } from "../src/testing.ts";

interface Order {
  readonly id: string;
  readonly total: number;
}

const OrderPlaced = topic<Order>("orders.placed");
const Invoices = queue<Order>("invoices", { key: ({ id }) => id });

async function application({ virtual = true } = {}) {
  const clock = virtual ? virtualClock() : undefined;
  const broker = new MemoryBroker(clock ? { clock } : {});
  const probe = observe(broker);
  const client = await connect(memory({ broker }), { onError: () => {}, ...(clock ? { clock } : {}) });
  return { clock, broker, probe, client };
}

test("shows what was published, decoded and typed by its contract", async () => {
  const { probe, client } = await application();
  await client.publish(OrderPlaced, { id: "o-1", total: 3 }, { headers: { tenant: "a" } });
  await client.send(Invoices, { id: "o-2", total: 4 });
  const [order, ...more] = probe.published(OrderPlaced);
  expectTypeOf(order?.value.total).toEqualTypeOf<number | undefined>();
  expect(more).toEqual([]);
  expect(order).toMatchObject({
    source: "orders.placed",
    value: { id: "o-1", total: 3 },
    headers: { tenant: "a" },
    contentType: "application/json",
  });
  expect(probe.published("invoices")).toMatchObject([{ value: { id: "o-2" }, key: "o-2" }]);
  expect(probe.published("nothing")).toEqual([]);
  probe.clear();
  expect(probe.published(OrderPlaced)).toEqual([]);
});

test.each([true, false])("waits for what is handled (virtual time: %s)", async (virtual) => {
  const { probe, client } = await application({ virtual });
  await client.subscribe(OrderPlaced, { group: "billing" }, async (order) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await client.send(Invoices, order);
  });
  await client.subscribe(OrderPlaced, { group: "audit" }, () => {});
  await client.publish(OrderPlaced, { id: "o-1", total: 3 });
  await client.publish(OrderPlaced, { id: "o-2", total: 4 });
  const handled = await probe.handled(OrderPlaced, { group: "billing", count: 2 });
  expect(handled.map(({ value, group, attempt }) => [value.id, group, attempt])).toEqual([
    ["o-1", "billing", 1],
    ["o-2", "billing", 1],
  ]);
  await probe.handled(OrderPlaced, { count: 4 });
  await probe.handled(OrderPlaced, { group: "audit", where: ({ value }) => value.total > 3, count: 1 });
  await probe.untilPublished(Invoices, { count: 2 });
  await probe.idle();
  await probe.deadLettered(OrderPlaced, { count: 0 });
});

test("moves virtual time on, so that backoff takes none", async () => {
  const { probe, client } = await application();
  await client.subscribe(OrderPlaced, { group: "billing" }, (_, { attempt }) => {
    if (attempt < 4) throw new Error("not yet");
  });
  await client.publish(OrderPlaced, { id: "o-1", total: 3 });
  const startedAt = Date.now();
  expect(await probe.handled(OrderPlaced, { count: 1 })).toMatchObject([{ attempt: 4 }]);
  expect(Date.now() - startedAt).toBeLessThan(2_000);
});

test("tells dead-lettered messages from handled ones, with the reason", async () => {
  const { probe, client } = await application();
  await client.consume(Invoices, ({ id }) => {
    if (id === "bad") throw new NonRetryableError("no such customer");
  });
  await client.send(Invoices, { id: "bad", total: 1 });
  await client.send(Invoices, { id: "good", total: 1 });
  expect(await probe.deadLettered(Invoices, { count: 1 })).toMatchObject([
    {
      source: "invoices",
      group: undefined,
      value: { id: "bad" },
      attempts: 1,
      errorMessage: "no such customer",
    },
  ]);
  const handled = await probe.handled(Invoices, { count: 1 });
  expect(handled.map(({ value }) => value.id)).toEqual(["good"]);
  await probe.idle();
});

test("says what was seen instead", async () => {
  const { probe, client } = await application();
  await client.subscribe(OrderPlaced, { group: "billing" }, ({ id }) => {
    if (id === "bad") throw new NonRetryableError("card declined");
  });
  await client.publish(OrderPlaced, { id: "o-1", total: 3 });
  await client.publish(OrderPlaced, { id: "bad", total: 3 });
  await expect(probe.handled(OrderPlaced, { group: "billing", count: 2, timeoutMs: 60_000 })).rejects.toThrow(
    `Expected 2 of "orders.placed" handled by "billing" within 60000 ms, saw 1.
  published: {"id":"o-1","total":3}, {"id":"bad","total":3}
  handled by "billing": {"id":"o-1","total":3}
  dead-lettered by "billing": {"id":"bad","total":3} at attempt 1, HANDLER_FAILED: card declined
  group "billing" of topic "orders.placed": 0 waiting, 0 in flight, 1 consuming`,
  );
  await expect(probe.untilPublished("order.placed", { timeoutMs: 1 })).rejects.toThrow(
    `Expected at least 1 of "order.placed" published within 1 ms, saw 0.
  published: nothing
  published elsewhere: "orders.placed"`,
  );
  await expect(probe.handled(OrderPlaced, { count: 0 })).rejects.toThrow("Expected 0 of");
});

test("says what keeps the broker from being idle", async () => {
  const { probe, client } = await application({ virtual: false });
  let finish = () => {};
  await client.consume(
    Invoices,
    { concurrency: 1 },
    () => new Promise<void>((resolve) => (finish = resolve)),
  );
  await client.send(Invoices, { id: "o-1", total: 3 });
  await expect(probe.idle({ timeoutMs: 20 })).rejects.toThrow(
    `Expected the broker to be idle within 20 ms.
  queue "invoices": 0 waiting, 1 in flight, 1 consuming`,
  );
  finish();
  await probe.idle();
});
