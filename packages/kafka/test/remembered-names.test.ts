import { describe, expect, it } from "vitest";
import { bytesTaken, namesWithoutEnd, newestName } from "../../../scripts/testing/remembered-names.ts";
import { Coordinators } from "../src/client/coordinators.ts";
import { LeaderCache } from "../src/client/leader-cache.ts";
import { Spreaders } from "../src/client/spreaders.ts";
import { Orphans } from "../src/groups/orphans.ts";

const megabyte = 2 ** 20;

describe("what is remembered by names that never end is bounded, and the newest is there:", () => {
  it("how topics are spread", () => {
    const spreaders = new Spreaders();
    const taken = bytesTaken(() => {
      for (const name of namesWithoutEnd(2 * megabyte)) spreaders.of(name);
      return spreaders;
    });
    expect(taken).toBeLessThan(2 * megabyte);
    expect(spreaders.of(newestName)).toBe(spreaders.of(newestName));
    expect(spreaders.size).toBeLessThan(100);
  });

  it("leaders, also of topics with many partitions", () => {
    const cache = new LeaderCache();
    const taken = bytesTaken(() => {
      for (const name of namesWithoutEnd(4 * megabyte, 100)) cache.set(name, [1, 2, 3]);
      return cache;
    });
    expect(taken).toBeLessThan(4 * megabyte);
    expect(cache.get(newestName)).toEqual([1, 2, 3]);
    const large = bytesTaken(() => {
      for (let n = 0; n < 10_000; n++) cache.set(`large-${n}`, new Array<number>(10_000).fill(n));
      return cache;
    });
    expect(large).toBeLessThan(4 * megabyte);
    expect(cache.get("large-9999")).toHaveLength(10_000);
  });

  it("coordinators, and a forgotten one is asked for again", async () => {
    const coordinators = new Coordinators();
    let asked = 0;
    const ask = async () => ++asked;
    expect([await coordinators.of("first", ask), await coordinators.of("first", ask)]).toEqual([1, 1]);
    for (let n = 0; n < 20_000; n++) await coordinators.of(`${n} ${"x".repeat(200)}`, ask);
    expect(coordinators.size).toBeLessThan(2_100);
    expect(await coordinators.of("first", ask)).toBe(20_002);
  });

  it("members that could not leave", () => {
    const orphans = new Orphans();
    const taken = bytesTaken(() => {
      for (const name of namesWithoutEnd(megabyte)) orphans.leave(name, "one");
      return orphans;
    });
    expect(taken).toBeLessThan(megabyte);
    expect(orphans.adopt(newestName)).toBe("one");
  });
});
