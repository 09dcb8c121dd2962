import rhea from "rhea";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { consume, ids, message, publish, receive, until } from "../../../scripts/testing/workbench.ts";
import { ownProperties } from "../src/mapping.ts";
import { EmulatedBench } from "./emulated.ts";

let bench: EmulatedBench;
beforeAll(async () => {
  bench = await EmulatedBench.start();
});
afterEach(() => bench.end());
afterAll(() => bench.emulator.close());

describe("what is due", () => {
  it("since long is not given up when its destination is unknown once", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const sent = message({ delayMs: 100 });
    const realNow = Date.now;
    const clock = vi.spyOn(Date, "now").mockImplementation(() => realNow() - 120_000);
    await publish(connection, queue, [sent]);
    clock.mockRestore();
    const other = await bench.connect();
    bench.emulator.faults.inject({
      on: "attach",
      action: "refuse",
      hub: queue.brokerName,
      role: "publish",
      condition: "amqp:not-found",
    });
    const [delivery] = await receive(await consume(other, queue), 1, 15_000);
    expect(bench.emulator.faults.list(), "it was unknown").toEqual([]);
    expect(delivery?.id).toBe(sent.id);
    expect(delivery?.headers, "nothing of its wait is left").toEqual(sent.headers);
  });

  it("goes on even if a message beside it, of somebody else's making, cannot be written again", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    await putIntoLowestTier({
      [ownProperties.to]: queue.brokerName,
      odd: rhea.types.wrap_double(1e300),
    });
    const sent = message({ delayMs: 1 });
    await publish(connection, queue, [sent]);
    expect(ids(await receive(await consume(connection, queue), 1, 15_000))).toEqual([sent.id]);
    await until(() => bench.reports.length > 0);
  });
});

it("a destination that never answers holds up nobody behind it", async () => {
  const connection = await bench.connect();
  const silent = await bench.made(connection, "queue");
  const queue = await bench.made(connection, "queue");
  const consumer = await consume(connection, queue);
  const { faults } = bench.emulator;
  faults.inject({ on: "publish", action: "delay", hub: silent.brokerName, delayMs: 60_000 });
  await publish(connection, silent, [message({ delayMs: 1 })]);
  await until(() => faults.list().length === 0);
  const sent = message({ delayMs: 1 });
  await publish(connection, queue, [sent]);
  expect(ids(await receive(consumer, 1, 15_000))).toEqual([sent.id]);
});

it("what is on its way when its forwarder closes is not forwarded once more by the next", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const other = await bench.made(connection, "queue");
  const forwarding = await bench.connect();
  await consume(forwarding, other);
  const { faults } = bench.emulator;
  faults.inject({ on: "publish", action: "delay", hub: queue.brokerName, delayMs: 500 });
  const first = message({ key: "k", delayMs: 1 });
  await publish(connection, queue, [first]);
  await until(() => faults.list().length === 0);
  await forwarding.close();
  const consumer = await consume(connection, queue);
  const second = message({ key: "k", delayMs: 1 });
  await publish(connection, queue, [second]);
  expect(ids(await receive(consumer, 2, 15_000))).toEqual([first.id, second.id]);
});

it("a delay hub that is made while somebody consumes already is forwarded from", async () => {
  const delayHub = "made-later";
  const queue = await bench.made(await bench.connect(), "queue");
  const connection = await bench.connect({ delayHub });
  const consumer = await consume(connection, queue);
  bench.emulator.createHub({ name: delayHub, partitionCount: 9 });
  const sent = message({ delayMs: 1 });
  await publish(connection, queue, [sent]);
  expect(ids(await receive(consumer, 1, 15_000))).toEqual([sent.id]);
});

async function putIntoLowestTier(properties: object): Promise<void> {
  const [key] = bench.emulator.keys;
  const connection = rhea.create_container().connect({
    port: bench.emulator.port,
    host: "127.0.0.1",
    username: key?.name ?? "",
    password: key?.key ?? "",
    reconnect: false,
  });
  const sender = connection.open_sender("waybill..delayed/Partitions/0");
  await new Promise((resolve) => sender.once("sendable", resolve));
  const accepted = new Promise((resolve) => sender.once("accepted", resolve));
  sender.send({ body: "odd", application_properties: properties });
  await accepted;
  connection.close();
}
