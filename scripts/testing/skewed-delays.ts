import { expect, it, vi } from "vitest";
import { consume, message, publish, take, type Workbench } from "./workbench.ts";

const delayMs = 2_500;

/** How wrong the clock is, and by how much a delay may be late for other reasons. In milliseconds. */
export interface SkewedDelays {
  readonly skewMs: number;
  readonly lateMs: number;
}

/** The tests that a delay is as long as it was to be whoever's clock is wrong. The file restores its mocks after each. */
export function testSkewedDelays(bench: Workbench<object>, { skewMs, lateMs }: SkewedDelays): void {
  const realNow = Date.now;
  const skewed = (ms: number) => vi.spyOn(Date, "now").mockImplementation(() => realNow() + ms);

  it.each([-skewMs, skewMs])("costs a delay nothing where it is the publisher's (%i ms)", async (ms) => {
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
    await take(consumer, 1);
    expectOnTime(sentAt, lateMs);
  });

  it.each([-skewMs, skewMs])("costs a delay nothing where it is the forwarder's (%i ms)", async (ms) => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const sentAt = performance.now();
    await publish(connection, queue, [message({ delayMs })]);
    skewed(ms);
    await take(await consume(await bench.connect(), queue), 1);
    expectOnTime(sentAt, lateMs);
  });
}

function expectOnTime(sentAt: number, lateMs: number): void {
  const waited = performance.now() - sentAt;
  expect(waited).toBeGreaterThanOrEqual(delayMs - 5);
  expect(waited).toBeLessThan(delayMs * 1.1 + lateMs);
}
