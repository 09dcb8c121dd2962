import { expect, it } from "vitest";
import type { AmqpConnection } from "../src/client/amqp-connection.ts";
import { classify } from "../src/errors.ts";
import { startsOf } from "../src/groups/start.ts";

/** A partition with messages since the time asked for, none of which comes in time. */
function slowPartition(openingMs: number) {
  const links = { opened: 0, closed: 0 };
  const amqp = {
    hub: async () => ({ partitionIds: ["0"] }),
    partition: async () => ({
      beginSequenceNumber: 0,
      lastSequenceNumber: 99,
      lastOffset: "9900",
      lastEnqueuedAt: 2_000,
      isEmpty: false,
    }),
    receiver: async () => {
      await new Promise((resolve) => setTimeout(resolve, openingMs));
      links.opened++;
      return { addCredit: () => {}, close: () => links.closed++ };
    },
  };
  return { amqp: amqp as unknown as AmqpConnection, links };
}

it.each([0, 60])(
  "a time that is not found in time is an error, never the end (link after %i ms)",
  async (ms) => {
    const { amqp, links } = slowPartition(ms);
    const start = { from: "time", timestamp: 1_000 } as const;
    const outcome = await startsOf(amqp, { hub: "hub", start, timeoutMs: 30 }).catch(
      (cause: unknown) => cause,
    );
    expect(classify(outcome)?.code).toBe("TIMEOUT");
    await expect.poll(() => links, { timeout: 5_000 }).toEqual({ opened: 1, closed: 1 });
  },
);
