import type { ReceivedMessage } from "@waybill/core/spi";
import { afterEach, expect, it } from "vitest";
import { consume, receive, texts } from "../../../scripts/testing/workbench.ts";
import type { Handler } from "./fake-service.ts";
import { queue, Stage } from "./stage.ts";

const stage = new Stage();
afterEach(() => stage.end());

/** Hands out these messages once, the first letter of each its ordering key. */
function keyed(...bodies: readonly string[]): Handler {
  let given = false;
  return ({ subscription }) => {
    if (given || !String(subscription).endsWith("/jobs")) return "never";
    given = true;
    const receivedMessages = bodies.map((body) => ({
      ackId: body,
      message: { messageId: body, data: Buffer.from(body), orderingKey: body.slice(0, 1) },
    }));
    return { receivedMessages };
  };
}

it("a closing consumer keeps back what waits for its next attempt, and what follows it under its key", async () => {
  const connection = await stage.connected({ Pull: keyed("a1", "b1", "a2", "c1") });
  const consumer = await consume(connection, queue);
  const deliveries = await receive(consumer, 4);
  const of = (text: string) => deliveries[texts(deliveries).indexOf(text)] as ReceivedMessage;
  stage.service.requests.length = 0;
  const delayed = new Map([
    [of("a1"), { delayMs: 4_200, redeliveries: 2 }],
    [of("c1"), { delayMs: 3_600_000, redeliveries: 2 }],
  ]);
  await consumer.close({ started: new Set(delayed.keys()), delayed });
  const asked = stage.service.asked("ModifyAckDeadline");
  const seconds = asked.flatMap(({ ackIds, ackDeadlineSeconds }) =>
    (ackIds as string[]).map((id) => [id, ackDeadlineSeconds]),
  );
  expect(Object.fromEntries(seconds)).toEqual({ a1: 5, a2: 6, b1: 0, c1: 599 });
});
