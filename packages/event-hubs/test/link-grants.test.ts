import { nothingStarted } from "@waybill/core/spi";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { consume, messages, publish, receive } from "../../../scripts/testing/workbench.ts";
import { HubGrants } from "../src/client/hub-grants.ts";
import { EmulatedBench } from "./emulated.ts";

let bench: EmulatedBench;
beforeAll(async () => {
  bench = await EmulatedBench.start();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await bench.end();
});
afterAll(() => bench.emulator.close());

it("needs a hub for as long as a link to it is open", async () => {
  const held = new Map<string, number>();
  const link = HubGrants.prototype.link;
  vi.spyOn(HubGrants.prototype, "link").mockImplementation(async function (this: HubGrants, hub) {
    const release = await link.call(this, hub);
    held.set(hub, (held.get(hub) ?? 0) + 1);
    let isReleased = false;
    return () => {
      release();
      if (!isReleased) held.set(hub, (held.get(hub) ?? 0) - 1);
      isReleased = true;
    };
  });
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const consumer = await consume(connection, queue);
  await publish(connection, queue, messages(1));
  await receive(consumer, 1);
  expect(held.get(queue.brokerName)).toBeGreaterThan(1);
  await consumer.close(nothingStarted);
  // What it is published by is still there.
  await expect.poll(() => held.get(queue.brokerName)).toBe(1);
  await connection.close();
  expect([...held.values()].every((links) => links === 0)).toBe(true);
});
