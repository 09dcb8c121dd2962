import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideRetryPolicy, exponential } from "../src/policies/backoff.ts";

describe("exponential backoff", () => {
  it("is never earlier than its exponential part, never more than its jitter later, and has a maximum", () => {
    const policies = fc.record({
      initialMs: fc.integer({ min: 0, max: 10_000 }),
      factor: fc.double({ min: 1, max: 10, noNaN: true }),
      maxMs: fc.integer({ min: 0, max: 1_000_000 }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(
        policies,
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (policy, attempt, luck) => {
          const { initialMs, factor, maxMs, jitter } = policy;
          const base = Math.min(maxMs, initialMs * factor ** (attempt - 1));
          const delayMs = exponential(policy, () => luck)(attempt);
          expect(delayMs).toBeGreaterThanOrEqual(Math.floor(base));
          expect(delayMs).toBeLessThanOrEqual(Math.ceil(base * (1 + jitter)));
        },
      ),
    );
  });

  it("goes from a second to five minutes by default, over five attempts", () => {
    const policy = decideRetryPolicy();
    expect(policy.maxAttempts).toBe(5);
    for (const [attempt, ms] of [
      [1, 1_000],
      [2, 2_000],
      [5, 16_000],
      [50, 300_000],
    ] as const) {
      const delayMs = policy.delayAfter(attempt, new Error("no"));
      expect(delayMs).toBeGreaterThanOrEqual(ms);
      expect(delayMs).toBeLessThanOrEqual(ms * 1.2);
    }
  });

  const wrong: object[] = [
    { maxAttempts: 0 },
    { maxAttempts: 1.5 },
    { maxAttempts: Number.NaN },
    { backoff: { initialMs: -1 } },
    { backoff: { factor: 0.5 } },
    { backoff: { maxMs: "5" } },
    { backoff: { jitter: -1 } },
    { backoff: { initialMs: Number.POSITIVE_INFINITY } },
    { backoff: { jitter: Number.POSITIVE_INFINITY } },
    { backoff: { factor: Number.POSITIVE_INFINITY } },
    { backoff: { maxMs: Number.POSITIVE_INFINITY } },
  ];
  for (const policy of wrong) {
    it(`${JSON.stringify(policy)} is refused`, () => {
      expect(() => decideRetryPolicy(policy)).toThrowError(
        expect.objectContaining({ code: "INVALID_ARGUMENT" }),
      );
    });
  }

  it("takes attempts without end, and no option that nobody reads", () => {
    expect(decideRetryPolicy({ maxAttempts: Number.POSITIVE_INFINITY }).maxAttempts).toBe(
      Number.POSITIVE_INFINITY,
    );
    for (const policy of [{ attempt: 3 }, { backoff: { initial: 5 } }] as object[]) {
      expect(() => decideRetryPolicy(policy)).toThrowError(
        expect.objectContaining({ code: "UNKNOWN_OPTION" }),
      );
    }
  });
});
