import { describe, expect, it } from "vitest";
import { plan, planAll } from "../src/groups/assignment.ts";

const partitions = ["0", "1", "2", "3", "4", "5"];

/** Rounds in which members act one after the other, until nothing moves. Only free partitions are ever taken. */
function settle(start: ReadonlyMap<string, readonly string[]>): Map<string, readonly string[]> {
  const owners = new Map([...start].flatMap(([member, own]) => own.map((partition) => [partition, member])));
  for (let round = 0; round < 20; round++) {
    let moved = false;
    for (const me of start.keys()) {
      const { claim, release } = plan({ me, partitions, owners, members: start.keys() });
      for (const partition of claim) {
        expect(owners.has(partition), "what is claimed is free").toBe(false);
        owners.set(partition, me);
      }
      for (const partition of release) {
        expect(owners.get(partition), "what is released was ours").toBe(me);
        owners.delete(partition);
      }
      moved ||= claim.length + release.length > 0;
    }
    if (!moved) {
      return new Map(
        [...start.keys()].map((member) => [member, partitions.filter((one) => owners.get(one) === member)]),
      );
    }
  }
  throw new Error("It never settles.");
}

describe("sharing partitions", () => {
  it("gives a member that is alone all of them, at once", () => {
    const { claim, fair } = plan({ me: "a", partitions, owners: new Map(), members: [] });
    expect(claim.toSorted()).toEqual(partitions);
    expect(fair).toBe(false);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 9])(
    "settles so that each of %i has as many as the others, or one more",
    (count) => {
      const members = Array.from({ length: count }, (_, i) => `member-${i}`);
      const settled = settle(new Map(members.map((member, i) => [member, i === 0 ? partitions : []])));
      const sizes = [...settled.values()].map(({ length }) => length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      expect([...settled.values()].flat().toSorted()).toEqual(partitions);
    },
  );

  it("moves nothing that is fair already, and no more than it must", () => {
    const before = new Map([
      ["a", ["0", "1", "2"]],
      ["b", ["3", "4", "5"]],
    ]);
    expect(settle(before)).toEqual(before);
    const after = settle(new Map([...before, ["c", []]]));
    const kept = [...before].flatMap(([member, own]) =>
      own.filter((one) => after.get(member)?.includes(one)),
    );
    expect(kept).toHaveLength(4);
  });

  it("counts owners that show themselves only by what they own", () => {
    const owners = new Map(partitions.map((partition) => [partition, "external"]));
    expect(plan({ me: "a", partitions, owners, members: [] })).toEqual({
      claim: [],
      release: [],
      fair: false,
    });
  });

  it("sends two newcomers to different partitions first", () => {
    const first = (me: string) => plan({ me, partitions, owners: new Map(), members: [] }).claim[0];
    expect(new Set(["one", "two", "three", "four"].map(first)).size).toBeGreaterThan(1);
  });

  it("where whoever comes first has all, takes what is free and releases nothing", () => {
    const owners = new Map([
      ["0", "a"],
      ["1", "b"],
    ]);
    const { claim, release } = planAll({ me: "a", partitions, owners, members: ["a", "b"] });
    expect(claim.toSorted()).toEqual(["2", "3", "4", "5"]);
    expect(release).toEqual([]);
  });
});
