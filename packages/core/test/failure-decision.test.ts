import fc from "fast-check";
import { expect, it } from "vitest";
import { decideFailure, type FailureFacts } from "../src/consuming/failure-decision.ts";

const facts = fc.record({
  verdict: fc.constantFrom("threw", "retry", "reject", "postpone") as fc.Arbitrary<FailureFacts["verdict"]>,
  attempt: fc.integer({ min: 1, max: 6 }),
  maxAttempts: fc.constantFrom(1, 3, 5, Number.POSITIVE_INFINITY),
  isRetryable: fc.boolean(),
  delayMs: fc.constantFrom(0, 10, 1_000, 30_000, 100_000),
  expiresAt: fc.constantFrom(undefined, 500, 1_005, 50_000),
  now: fc.constant(1_000),
  kind: fc.constantFrom("topic", "group", "queue", "inbox") as fc.Arbitrary<FailureFacts["kind"]>,
  keyed: fc.boolean(),
  hasDeadLetterQueue: fc.boolean(),
  afterDeadLetter: fc.constantFrom("continue", "block") as fc.Arbitrary<FailureFacts["afterDeadLetter"]>,
  keepsPlace: fc.boolean(),
  settles: fc.constant(true),
  capabilities: fc.constantFrom<FailureFacts["capabilities"]>(
    { retry: { how: "native", maxDelayMs: 50_000 }, features: {} },
    { retry: { how: "republish" }, features: { delay: { how: "native", maxMs: 50_000, lateMs: 0 } } },
    { retry: { how: "republish" }, features: {} },
  ),
});

it("gives up nothing that may be tried again, and tries nothing again that was given up", () => {
  fc.assert(
    fc.property(facts, (known) => {
      const { becomes } = decideFailure(known);
      const gaveUp = becomes === "dead-lettered" || becomes === "dropped";
      const isFinal =
        known.verdict !== "postpone" &&
        (known.verdict === "reject" ||
          known.attempt >= known.maxAttempts ||
          (known.verdict === "threw" && !known.isRetryable));
      const expires = known.expiresAt !== undefined && known.now + known.delayMs >= known.expiresAt;
      expect(gaveUp).toBe(isFinal || expires);
      if (gaveUp) expect(becomes).toBe(known.hasDeadLetterQueue ? "dead-lettered" : "dropped");
    }),
    { numRuns: 2_000 },
  );
});

it("lets nothing with a key leave its place, and nothing wait longer elsewhere than the broker can", () => {
  fc.assert(
    fc.property(facts, (known) => {
      const decision = decideFailure(known);
      if (known.keyed || known.kind === "topic" || known.kind === "inbox")
        expect(["native-retry", "republished"]).not.toContain(decision.becomes);
      if (decision.becomes === "native-retry" || decision.becomes === "republished")
        expect(decision.delayMs).toBeLessThanOrEqual(50_000);
      if (decision.becomes === "native-retry") expect(known.capabilities.retry.how).toBe("native");
      if (known.verdict === "postpone") expect(decision.becomes, "it would count").not.toBe("native-retry");
      if (decision.becomes === "retry-in-place" || decision.becomes === "republished")
        expect(decision.countsAttempt).toBe(known.verdict !== "postpone");
    }),
    { numRuns: 2_000 },
  );
});

it("drops what comes on a reply path: there is nothing to settle", () => {
  fc.assert(
    fc.property(facts, (known) => {
      expect(decideFailure({ ...known, settles: false }).becomes).toBe("dropped");
    }),
  );
});

it("blocks the key of what it dead-letters where that is asked for, and nothing else", () => {
  fc.assert(
    fc.property(facts, (known) => {
      const decision = decideFailure(known);
      if (decision.becomes !== "dead-lettered") return;
      expect(decision.blocksKey).toBe(known.keyed && known.afterDeadLetter === "block");
    }),
    { numRuns: 2_000 },
  );
});

it("leaves what is put off for long, without a key, to a broker that can delay it", () => {
  fc.assert(
    fc.property(facts, (known) => {
      const { kind, keyed, keepsPlace, delayMs, expiresAt, capabilities } = known;
      const { becomes } = decideFailure({ ...known, verdict: "postpone" });
      const mayLeave = !keyed && !keepsPlace && (kind === "queue" || kind === "group");
      const isLong = delayMs > 1_000 && delayMs <= (capabilities.features.delay?.maxMs ?? 0);
      if (expiresAt === undefined) expect(becomes === "republished").toBe(mayLeave && isLong);
    }),
    { numRuns: 2_000 },
  );
});
