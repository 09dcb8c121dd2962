import { expect, it } from "vitest";
import { RedisDelivery } from "../src/delivery.ts";
import { ReadBudget } from "../src/receiving/read-budget.ts";

function deliveries(count: number, bytes: number): readonly RedisDelivery[] {
  return Array.from({ length: count }, () => Object.assign(new RedisDelivery("1-1", []), { bytes }));
}

const megabyte = 1024 * 1024;

it("asks for few until it knows how large messages are, and then by their size", () => {
  const budget = new ReadBudget({ prefetch: 1_000, prefetchBytes: 64 * megabyte });
  expect(budget.count(500)).toBe(8);
  budget.fetched(deliveries(8, 100));
  expect(budget.count(500)).toBe(500);
  budget.fetched(deliveries(1, megabyte));
  expect(budget.count(500)).toBe(2);
});

it("asks for less as its bytes fill up, for one at least, and not ahead", () => {
  const budget = new ReadBudget({ prefetch: 1_000, prefetchBytes: 4 * megabyte });
  const held = deliveries(4, megabyte);
  budget.fetched(held);
  expect(budget.count(500)).toBe(1);
  expect(budget.countAhead()).toBe(0);
  for (const delivery of [...held, ...held]) budget.released(delivery);
  expect(budget.count(500)).toBe(2);
  expect(budget.countAhead()).toBe(2);
});

it("does not count what was forgotten, nor subtract it later", () => {
  const budget = new ReadBudget({ prefetch: 100, prefetchBytes: 64 * megabyte });
  const before = deliveries(100, 100);
  budget.fetched(before);
  expect(budget.countAhead()).toBe(0);
  budget.releaseAll();
  for (const delivery of before) budget.released(delivery);
  expect(budget.countAhead()).toBe(100);
});

it("goes on reading by a few hundred kilobytes when what it held was never settled", () => {
  const budget = new ReadBudget({ prefetch: 1_000, prefetchBytes: megabyte });
  budget.fetched(deliveries(1_000, 10_000));
  expect(budget.count(500)).toBeGreaterThan(20);
});

it("reads ahead as far as the prefetch of the moment, and not while more than that is held", () => {
  const budget = new ReadBudget({ prefetch: 100, prefetchBytes: megabyte });
  budget.fetched(deliveries(100, 100));
  expect(budget.countAhead()).toBe(0);
  budget.setPrefetch(400);
  expect(budget.countAhead()).toBe(300);
  const more = deliveries(300, 100);
  budget.fetched(more);
  budget.setPrefetch(100);
  for (const delivery of more.slice(0, 290)) budget.released(delivery);
  expect(budget.countAhead()).toBe(0);
  budget.setPrefetch(200);
  expect(budget.countAhead()).toBe(90);
});

it("keeps to its bytes however far the prefetch grows", () => {
  const budget = new ReadBudget({ prefetch: 10, prefetchBytes: megabyte });
  budget.fetched(deliveries(10, 100_000));
  budget.setPrefetch(1_000);
  expect(budget.countAhead()).toBe(0);
});
