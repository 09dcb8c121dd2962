import { expect, it } from "vitest";
import { Leftovers } from "../src/broadcast/leftovers.ts";

it("keeps what could not be deleted for the next connection, and no more of that than it may", async () => {
  const leftovers = new Leftovers();
  const refuse = () => Promise.reject(new Error("no"));
  for (let n = 0; n < 3_000; n++) await leftovers.remove(`s${n}`, refuse).catch(() => {});
  expect(leftovers.size).toBe(1_000);
  const tried: string[] = [];
  leftovers.removeAll(async (name) => void tried.push(name));
  expect([tried.length, tried[0], tried.at(-1)]).toEqual([1_000, "s2000", "s2999"]);
  await expect.poll(() => leftovers.size).toBe(0);
});

it("still has what could not be deleted on the next connection either", async () => {
  const leftovers = new Leftovers();
  const refuse = () => Promise.reject(new Error("no"));
  await leftovers.remove("s", refuse).catch(() => {});
  leftovers.removeAll(refuse);
  await Promise.resolve();
  expect(leftovers.size).toBe(1);
});
