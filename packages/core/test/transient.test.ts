import { describe, expect, it } from "vitest";
import { errorChain, isTransientAs, PrefetchEstimate, wireSize } from "../src/spi/index.ts";

describe("an error and its causes", () => {
  it("come outermost first, as long as they are objects", () => {
    const inner = { code: "ECONNRESET", cause: "a text" };
    const outer = new Error("no", { cause: inner });
    expect([...errorChain(outer)]).toEqual([outer, inner]);
    expect([...errorChain("a text")]).toEqual([]);
  });

  it("end, where they lead round in a circle", () => {
    const circle: { cause?: unknown } = {};
    circle.cause = circle;
    expect([...errorChain(circle)].length).toBeLessThan(100);
  });
});

it.each([
  [undefined, false],
  [{ code: "TIMEOUT" }, true],
  [{ code: "CONNECTION_LOST" }, true],
  [{ code: "UNREACHABLE", retryable: false }, false],
  [{ code: "BROKER_ERROR", retryable: true }, true],
  [{ code: "NOT_FOUND" }, false],
] as const)("what is classified as %o is transient: %s", (found, transient) => {
  expect(isTransientAs(found)).toBe(transient);
});

describe("an estimate of what fits into a prefetch", () => {
  it("divides the bound among a few before anything has come, and then by what came", () => {
    const estimate = new PrefetchEstimate(1_000);
    expect(estimate.room(0)).toBeGreaterThan(1);
    estimate.arrived(400);
    expect([estimate.room(0), estimate.room(400), estimate.room(900)]).toEqual([2, 1, 0]);
  });

  it("rises at once and falls by and by, and lets one through where nothing is held", () => {
    const estimate = new PrefetchEstimate(1_000);
    estimate.arrived(10);
    estimate.arrived(5_000);
    expect([estimate.room(0), estimate.room(1)]).toEqual([1, 0]);
    for (let i = 0; i < 10; i++) estimate.arrived(10);
    expect(estimate.room(0)).toBe(1);
    for (let i = 0; i < 200; i++) estimate.arrived(10);
    expect(estimate.room(0)).toBeGreaterThan(50);
  });
});

it("the size of a message is that of its body, key and headers, in bytes", () => {
  expect(wireSize({ body: new Uint8Array(10), key: "ä", headers: { a: "bc" } })).toBe(15);
});
