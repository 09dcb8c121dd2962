import { expect, it } from "vitest";
import { bytesTaken, namesWithoutEnd, newestName } from "../../../scripts/testing/remembered-names.ts";
import { LostConsumers } from "../src/groups/lost-consumers.ts";

const nothing = { started: [], delayed: [] };
const lost = (consumer: string) => ({ consumer, unsettled: { main: nothing, returns: nothing } });

it("keeps a group's lost consumers until what they held is handed back", () => {
  const consumers = new LostConsumers();
  const [one, two] = [lost("one"), lost("two")];
  consumers.add("billing", one);
  consumers.add("billing", two);
  expect([consumers.of("billing"), consumers.of("shipping")]).toEqual([[one, two], []]);
  consumers.handedBack("billing", one);
  consumers.handedBack("billing", one);
  expect(consumers.of("billing")).toEqual([two]);
  consumers.handedBack("billing", two);
  expect(consumers.size).toBe(0);
});

it("forgets the oldest of groups that never end", () => {
  const consumers = new LostConsumers();
  const taken = bytesTaken(() => {
    for (const name of namesWithoutEnd(8 * 2 ** 20, 100)) consumers.add(name, lost("one"));
    return consumers;
  });
  expect(taken).toBeLessThan(8 * 2 ** 20);
  expect(consumers.of(newestName)).toHaveLength(1);
});

it("counts the entries of lost consumers too", () => {
  const consumers = new LostConsumers();
  const started = Array.from({ length: 1_000 }, (_, n) => `${n}-0`);
  for (let n = 0; n < 10_000; n++)
    consumers.add(`group ${n}`, {
      consumer: "one",
      unsettled: { main: { started, delayed: [] }, returns: nothing },
    });
  expect(consumers.size).toBeLessThan(100);
});
