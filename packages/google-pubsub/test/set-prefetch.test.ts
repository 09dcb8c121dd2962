import { afterEach, expect, it } from "vitest";
import { ack, consume, receive, sleep } from "../../../scripts/testing/workbench.ts";
import { queue, Stage } from "./stage.ts";

const stage = new Stage();
afterEach(() => stage.end());

it("fetches as many as the prefetch that is set anew, and no more once that is less", async () => {
  let given = 0;
  const connection = await stage.connected({
    Pull: ({ subscription, maxMessages }) => {
      if (!String(subscription).endsWith("/jobs")) return "never";
      const receivedMessages = Array.from({ length: Number(maxMessages) }, () => ({
        ackId: `id ${given++}`,
        message: { messageId: "m" },
      }));
      return { receivedMessages };
    },
  });
  const consumer = await consume(connection, queue, { prefetch: 10 });
  const held = [...(await receive(consumer, 10, 1_000))];
  await sleep(100);
  expect(given).toBe(10);
  consumer.setPrefetch?.(30);
  held.push(...(await receive(consumer, 20, 1_000)));
  await sleep(100);
  expect(given).toBe(30);
  consumer.setPrefetch?.(10);
  await ack(consumer, held.splice(0, 20));
  await sleep(100);
  expect(given).toBe(30);
  await ack(consumer, held.splice(0, 5));
  expect((await receive(consumer, 5, 1_000)).length).toBe(5);
});
