import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { AmqpSender } from "../src/client/amqp-sender.ts";
import { AmqpSenders } from "../src/client/amqp-senders.ts";

const tenMinutesMs = 600_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Links that are only counted. */
function counted() {
  const open = new Set<string>();
  let opened = 0;
  const senders = new AmqpSenders({
    sender: async (_hub, address, onEnd) => {
      opened++;
      open.add(address);
      const sender = {
        failed: false,
        closeWhenIdle: () => {
          sender.failed = true;
          open.delete(address);
          onEnd();
        },
      };
      return sender as unknown as AmqpSender;
    },
  });
  return { senders, open, opened: () => opened };
}

it("closes links that nothing was sent by for a while, and keeps those in use", async () => {
  const { senders, open, opened } = counted();
  for (let n = 0; n < 100; n++) await senders.get(`hub ${n}`);
  for (let minutes = 0; minutes < 15; minutes++) {
    await vi.advanceTimersByTimeAsync(60_000);
    await senders.get("hub 7");
  }
  expect([...open]).toEqual(["hub 7"]);
  expect(opened()).toBe(100);
  await vi.advanceTimersByTimeAsync(2 * tenMinutesMs);
  expect([open.size, senders.size, vi.getTimerCount()]).toEqual([0, 0, 0]);
  await senders.get("hub 7");
  expect(opened()).toBe(101);
});

it("has no more links than it may, however many addresses are sent to", async () => {
  const { senders, open } = counted();
  for (let n = 0; n < 256_000; n++) await senders.get(`hub ${n}`);
  await vi.advanceTimersByTimeAsync(0);
  expect([open.size, senders.size]).toEqual([256, 256]);
  expect(open.has("hub 255999")).toBe(true);
});
