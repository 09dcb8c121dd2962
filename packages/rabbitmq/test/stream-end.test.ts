import { describe, expect, it } from "vitest";
import { StreamEnd } from "../src/groups/stream-end.ts";

/** Looks until the end is reached, or so often. */
function looks(end: StreamEnd, most: number, held = false): number {
  for (let look = 1; look <= most; look++) if (end.isReached(held)) return look;
  return Number.POSITIVE_INFINITY;
}

describe("the end of a stream", () => {
  it("is what came before the first that need not be read, at once", () => {
    const end = new StreamEnd();
    end.cameAfter(10);
    expect(end.wasRead(8)).toBe(true);
    expect(end.isReached(true)).toBe(false);
    expect(end.wasRead(9)).toBe(true);
    expect(end.isReached(true)).toBe(true);
    expect(end.wasRead(10)).toBe(false);
  });

  it("is not reached before all that is known to be there was read, however quiet a busy broker is", () => {
    const end = new StreamEnd();
    end.isThere(19);
    end.wasRead(12);
    expect(looks(end, 100)).toBe(Number.POSITIVE_INFINITY);
    end.wasRead(19);
    expect(looks(end, 50)).toBeLessThan(50);
  });

  it("is not reached while what was read waits to be stored, since more cannot come until then", () => {
    const end = new StreamEnd();
    end.isThere(0);
    end.wasRead(0);
    expect(looks(end, 10_000, true)).toBe(Number.POSITIVE_INFINITY);
    expect(looks(end, 50)).toBeLessThan(50);
  });

  it("of an empty one is believed only after a long silence", () => {
    const end = new StreamEnd();
    expect(looks(end, 100)).toBe(Number.POSITIVE_INFINITY);
    expect(looks(end, 100)).toBeLessThan(100);
  });

  it("does not move with what is published meanwhile", () => {
    const end = new StreamEnd();
    end.cameAfter(5);
    expect(end.isThere(4)).toBe(true);
    expect(end.isThere(5)).toBe(false);
    // Where reading begins later than that, nothing is read, and it ends all the same.
    for (let offset = 6; !end.isReached(false); offset++) {
      expect(offset).toBeLessThan(1_000);
      end.isThere(offset);
    }
  });
});
