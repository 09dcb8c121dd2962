import { expect, it } from "vitest";
import {
  type DeliveryEvent,
  type DeliveryState,
  deliveryTransitions,
  nextState,
} from "../src/consuming/delivery-state.ts";

const states = Object.keys(deliveryTransitions) as DeliveryState[];
const events: readonly DeliveryEvent[] = [
  "start",
  "settle",
  "store",
  "delay",
  "due",
  "block",
  "ack",
  "release",
  "finish",
  "lose",
  "forget",
];
const pairs = states.flatMap((state) => events.map((event) => ({ state, event })));

it.each(pairs)("$event while $state goes where the table says, or nowhere", ({ state, event }) => {
  const next = deliveryTransitions[state][event];
  if (next === undefined) expect(() => nextState(state, event)).toThrow(`${state} cannot ${event}`);
  else expect(nextState(state, event)).toBe(next);
});

it("every state can be reached, and every way ends", () => {
  const reached = new Set<DeliveryState>(["queued"]);
  for (let before = 0; before !== reached.size; ) {
    before = reached.size;
    for (const state of reached)
      for (const next of Object.values(deliveryTransitions[state])) reached.add(next);
  }
  expect([...reached].sort()).toEqual([...states].sort());
  const ending = new Set<DeliveryState>(["ended"]);
  for (let before = 0; before !== ending.size; ) {
    before = ending.size;
    for (const state of states)
      if (Object.values(deliveryTransitions[state]).some((next) => ending.has(next))) ending.add(state);
  }
  expect([...ending].sort()).toEqual([...states].sort());
});
