import { expect, it } from "vitest";
import { Orphans } from "../src/groups/orphans.ts";

it("an orphaned member is taken over once, by who joins its own group", () => {
  const orphans = new Orphans();
  orphans.leave("billing", "one");
  orphans.leave("billing", "two");
  expect(orphans.adopt("shipping")).toBeUndefined();
  expect([orphans.adopt("billing"), orphans.adopt("billing"), orphans.adopt("billing")]).toEqual([
    "one",
    "two",
    undefined,
  ]);
});
