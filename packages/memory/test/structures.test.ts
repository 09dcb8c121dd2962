import { expect, test } from "vitest";
import { DueHeap, type Timed } from "../src/broker/due-heap.ts";
import { type Linked, LinkedList } from "../src/broker/linked-list.ts";
import { virtualClock } from "../src/index.ts";

class Item implements Timed, Linked<Item> {
  readonly name: number;
  dueAt = 0;
  dueOrder = 0;
  dueIndex = -1;
  previous: Item | undefined = undefined;
  next: Item | undefined = undefined;

  constructor(name: number) {
    this.name = name;
  }
}

test("a heap gives items by due time, those due together as they came, whatever is taken out meanwhile", () => {
  const heap = new DueHeap<Item>();
  const items = Array.from({ length: 500 }, (_, name) => new Item(name));
  for (const item of items) heap.add(item, (item.name * 7_919) % 50);
  const removed = items.filter(({ name }) => name % 3 === 0);
  for (const item of removed) heap.remove(item);
  for (const item of removed) heap.remove(item);
  const order: number[] = [];
  for (let { first } = heap; first !== undefined; { first } = heap) {
    order.push(first.name);
    heap.remove(first);
  }
  const due = (name: number) => (name * 7_919) % 50;
  const expected = items
    .filter(({ name }) => name % 3 !== 0)
    .map(({ name }) => name)
    .sort((a, b) => due(a) - due(b) || a - b);
  expect(order).toEqual(expected);
});

test("a list keeps its order when nodes come and go anywhere", () => {
  const list = new LinkedList<Item>();
  const [a, b, c, d] = [1, 2, 3, 4].map((name) => new Item(name)) as [Item, Item, Item, Item];
  list.append(b);
  list.append(d);
  list.insertBefore(a, b);
  list.insertBefore(c, d);
  expect([...list].map(({ name }) => name)).toEqual([1, 2, 3, 4]);
  for (const node of list) if (node !== c) list.remove(node);
  expect([list.first, list.last, list.size]).toEqual([c, c, 1]);
  list.remove(c);
  expect([list.first, list.last, list.size]).toEqual([undefined, undefined, 0]);
});

test("a virtual clock fires timers at their own time, with what they set off in between", async () => {
  const clock = virtualClock(1_000);
  const log: [string, number][] = [];
  const note = (name: string) => () => void log.push([name, clock.now()]);
  clock.setTimeout(note("b"), 20);
  clock.setTimeout(async () => {
    note("a")();
    await null;
    note("after a")();
    clock.setTimeout(note("a + 5"), 5);
  }, 10);
  clock.clearTimeout(clock.setTimeout(note("never"), 15));
  clock.setTimeout(note("late"), 100);
  expect(clock.nextTimerAt()).toBe(1_010);
  await clock.advance(50);
  expect(log).toEqual([
    ["a", 1_010],
    ["after a", 1_010],
    ["a + 5", 1_015],
    ["b", 1_020],
  ]);
  expect(clock.now()).toBe(1_050);
});
