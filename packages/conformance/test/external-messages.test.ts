import type { Address } from "@waybill/core/spi";
import { expect, it, vi } from "vitest";
import { ExternalMessages } from "../src/external-messages.ts";
import type { ExternalClient, ExternalListener, ExternalMessage } from "../src/target.ts";

const message = (body: string): ExternalMessage => ({ body: Buffer.from(body), headers: {} });
const text = async (next: Promise<ExternalMessage>) => String((await next).body);

/** Listens with this, and returns how its vendor pushes a message. */
async function listening(listener: Partial<ExternalListener>) {
  let push: ((message: ExternalMessage) => void) | undefined;
  const closed: string[] = [];
  const client: ExternalClient = {
    publish: async () => {},
    listen: async (_from, arrived) => {
      push = arrived;
      return { close: async () => void closed.push("closed"), ...listener };
    },
    close: async () => {},
  };
  const messages = await ExternalMessages.of(client, {} as Address);
  return { messages, closed, push: (body: string) => push?.(message(body)) };
}

it("what a vendor's client pushes is read one after the other, before it comes and after", async () => {
  const { messages, push, closed } = await listening({});
  const waiting = text(messages.next());
  push("a");
  push("b");
  push("c");
  expect(await waiting).toBe("a");
  expect(await text(messages.next())).toBe("b");
  expect(await text(messages.next())).toBe("c");
  await messages.close();
  expect(closed).toEqual(["closed"]);
});

it("says so when none comes", async () => {
  vi.useFakeTimers();
  try {
    const { messages } = await listening({});
    const refused = expect(messages.next()).rejects.toThrow("No message came within 10000 ms.");
    await vi.advanceTimersByTimeAsync(10_000);
    await refused;
  } finally {
    vi.useRealTimers();
  }
});

it("what a vendor's client is asked for is asked for", async () => {
  const { messages } = await listening({ next: async () => message("asked") });
  expect(await text(messages.next())).toBe("asked");
});
