import { nothingStarted } from "@waybill/core/spi";
import { afterEach, expect, it, vi } from "vitest";
import { consume, message, publish, receive, texts } from "../../../scripts/testing/workbench.ts";
import { realNow, skewClock } from "./skewed-clock.ts";
import { queue, Stage } from "./stage.ts";

const stage = new Stage();
afterEach(async () => {
  vi.unstubAllGlobals();
  await stage.end();
});

const hourMs = 3_600_000;
/** A service with one message of a queue's returns, which it stored so long ago: it hands it out whenever nobody defers it. */
async function delayedMessage(storedMs: number, delayMs: number) {
  const storedAt = realNow() - storedMs;
  let isOut = true;
  let deferredMs = 0;
  const given = {
    receivedMessages: [
      {
        ackId: "id",
        message: {
          messageId: "m",
          data: Buffer.from("later"),
          publishTime: { seconds: Math.floor(storedAt / 1_000), nanos: (storedAt % 1_000) * 1_000_000 },
          attributes: { "waybill-delay": String(delayMs) },
        },
      },
    ],
  };
  const connection = await stage.connected({
    Pull: ({ subscription }) => {
      if (!isOut || !String(subscription).endsWith("..returns")) return { receivedMessages: [] };
      isOut = false;
      return given;
    },
    ModifyAckDeadline: ({ ackIds, ackDeadlineSeconds }) => {
      if ((ackIds as string[])[0] !== "id") return {};
      isOut = ackDeadlineSeconds === 0;
      deferredMs = Math.max(deferredMs, Number(ackDeadlineSeconds) * 1_000);
      return {};
    },
  });
  return { connection, deferredMs: () => deferredMs };
}

it.each([-hourMs, hourMs])(
  "a delay is as long as it was meant to be for a consumer whose clock is off by %i ms",
  async (ms) => {
    skewClock(ms);
    const { connection, deferredMs } = await delayedMessage(500, 3_000);
    const consumer = await consume(connection, queue);
    const from = performance.now();
    expect(texts(await receive(consumer, 1, 6_000))).toEqual(["later"]);
    const waited = performance.now() - from;
    expect(waited).toBeGreaterThan(2_400);
    expect(waited).toBeLessThan(2_500 + 1_500);
    expect(deferredMs()).toBeLessThanOrEqual(6_000);
    await consumer.close(nothingStarted);
  },
);

it("a delay is as long as it was meant to be when the consumer's clock is set while it waits", async () => {
  const { connection } = await delayedMessage(0, 2_000);
  const consumer = await consume(connection, queue);
  const from = performance.now();
  expect(await receive(consumer, 1, 300)).toEqual([]);
  skewClock(hourMs);
  expect(texts(await receive(consumer, 1, 6_000))).toEqual(["later"]);
  expect(performance.now() - from).toBeGreaterThan(1_900);
});

it.each([-hourMs, hourMs])(
  "a publisher whose clock is off by %i ms says how long, and no moment",
  async (ms) => {
    const connection = await stage.connected();
    skewClock(ms);
    await publish(connection, queue, [message({ delayMs: 5_000 })]);
    expect(stage.service.asked("Publish")).toMatchObject([
      { messages: [{ attributes: { "waybill-delay": "5000" } }] },
    ]);
  },
);

it.each([-hourMs, hourMs])(
  "the service's time is known, so that no time to live depends on this clock (%i ms)",
  async (ms) => {
    skewClock(ms);
    const connection = await stage.connected();
    expect(Math.abs((connection.brokerTime?.() ?? 0) - realNow())).toBeLessThan(2_000);
  },
);
