import { expect, it } from "vitest";
import { OutstandingMessages } from "../src/spi/outstanding-messages.ts";

const message = (bytes: number, leasedUntil = 100) => ({ bytes, leasedUntil });

it("counts what is held until it is dropped, wherever it is", () => {
  const held = new OutstandingMessages();
  const [one, two, other] = [message(1), message(2), message(4)];
  held.arrived(one);
  held.arrived(two);
  held.received(one);
  expect([held.size, held.bytes, held.has(one), held.has(two), [...held.waiting]]).toEqual([
    2,
    3,
    true,
    false,
    [two],
  ]);
  for (const each of [one, one, two, other]) held.drop(each);
  expect([held.size, held.bytes, held.has(one)]).toEqual([0, 0, false]);
});

it("takes back once what could not be settled", () => {
  const held = new OutstandingMessages();
  const one = message(3);
  held.arrived(one);
  held.received(one);
  held.drop(one);
  held.received(one);
  held.received(one);
  expect([held.size, held.bytes, held.has(one)]).toEqual([1, 3, true]);
});

it("drops what the lease of is over", () => {
  const held = new OutstandingMessages();
  const [early, late, waiting] = [message(1, 10), message(2, 20), message(4, 10)];
  for (const each of [early, late, waiting]) held.arrived(each);
  held.received(early);
  held.received(late);
  held.dropExpired(10);
  expect([held.size, held.bytes, held.has(late)]).toEqual([1, 2, true]);
});

it("gives all to be handed back, what core has first, and is empty then", () => {
  const held = new OutstandingMessages();
  const [one, two] = [message(1), message(2)];
  held.arrived(one);
  held.arrived(two);
  held.received(two);
  expect(held.takeAll()).toEqual([two, one]);
  expect([held.size, held.bytes, held.takeAll()]).toEqual([0, 0, []]);
});
