import { afterEach, expect, it, vi } from "vitest";
import { sharedKeyTokens } from "../src/client/tokens.ts";

const realNow = Date.now;
const hourMs = 3_600_000;

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([-23, 0, 23])(
  "a token is good for the service by a clock that is off by %i hours, until the next is signed",
  async (hours) => {
    vi.spyOn(Date, "now").mockImplementation(() => realNow() + hours * hourMs);
    const {
      text,
      expiresAt,
      renewInMs = Number.NaN,
    } = await sharedKeyTokens("root", "key")("sb://shop/orders");
    const ends = Number(/&se=(\d+)/.exec(text)?.[1]) * 1_000;
    expect(ends).toBe(expiresAt);
    expect(ends).toBeGreaterThan(realNow() + renewInMs);
  },
);
