import { expect, it } from "vitest";
import { bytesTaken, namesWithoutEnd, newestName } from "../../../scripts/testing/remembered-names.ts";
import { KnownHubs } from "../src/client/known-hubs.ts";

it("forgets the oldest of hubs that never end, also of those with many partitions", () => {
  const hubs = new KnownHubs();
  const taken = bytesTaken(() => {
    for (const name of namesWithoutEnd(2 ** 21)) hubs.set(name, { partitionIds: ["0", "1"] });
    return hubs;
  });
  expect(taken).toBeLessThan(2 ** 21);
  expect(hubs.get(newestName)).toEqual({ partitionIds: ["0", "1"] });
  const partitionIds = Array.from({ length: 2_000 }, (_, n) => String(n));
  for (let n = 0; n < 1_000; n++) hubs.set(`hub ${n}`, { partitionIds });
  expect(hubs.size).toBeLessThan(25);
  hubs.forget("hub 999");
  expect(hubs.get("hub 999")).toBeUndefined();
});
