import type { Consumer } from "@waybill/core/spi";
import { afterEach, describe, expect, it, vi } from "vitest";
import { consume, message, publish, take } from "../../../scripts/testing/workbench.ts";
import { EventHubsBench } from "./workbench.ts";

const bench = new EventHubsBench();
afterEach(async () => {
  vi.restoreAllMocks();
  await bench.end();
});

const delayMs = 2_500;
/** Nearly a day: a token is signed for one, by the clock of who signs it. */
const hoursMs = 23 * 3_600_000;
const realNow = Date.now;
const skewed = (ms: number) => vi.spyOn(Date, "now").mockImplementation(() => realNow() + ms);

/** Receives one message, and expects that it has waited as long as it was to. */
async function expectOnTime(consumer: Consumer, sentAt: number): Promise<void> {
  await take(consumer, 1);
  const waited = performance.now() - sentAt;
  expect(waited).toBeGreaterThanOrEqual(delayMs - 5);
  expect(waited).toBeLessThan(delayMs * 1.1 + 3_000);
}

describe("a clock that is off by nearly a day", () => {
  it.each([-hoursMs, hoursMs])("costs a delay nothing where it is the publisher's (%i ms)", async (ms) => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const consumer = await consume(connection, queue);
    await publish(connection, queue, [message({ delayMs: 1 })]);
    await take(consumer, 1);
    const publisher = await bench.connect();
    const clock = skewed(ms);
    const sentAt = performance.now();
    await publish(publisher, queue, [message({ delayMs })]);
    clock.mockRestore();
    await expectOnTime(consumer, sentAt);
  });

  it.each([-hoursMs, hoursMs])("costs a delay nothing where it is the forwarder's (%i ms)", async (ms) => {
    const connection = await bench.connect();
    const forwarding = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const sentAt = performance.now();
    await publish(connection, queue, [message({ delayMs })]);
    skewed(ms);
    await expectOnTime(await consume(forwarding, queue), sentAt);
  });
});
