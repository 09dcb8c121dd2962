import { expect, it } from "vitest";
import { longestDelayMs } from "../src/capabilities.ts";
import { restOfDelay } from "../src/delays/rest-of-delay.ts";

const sentAt = 1_700_000_000_000;
const hourMs = 3_600_000;

/** As SQS hands it out: when it was stored, when it was first received, and how often it was. */
const received = (firstAfterMs: number, receipts = 1) => ({
  Attributes: {
    SentTimestamp: `${sentAt}`,
    ApproximateFirstReceiveTimestamp: `${sentAt + firstAfterMs}`,
    ApproximateReceiveCount: `${receipts}`,
  },
});

it("is nothing for what carries no wait, and for what has waited", () => {
  expect(restOfDelay({ waitMs: undefined }, received(0), sentAt)).toBe(0);
  expect(restOfDelay({ waitMs: 900_000 }, received(900_000), sentAt)).toBe(0);
});

it.each([-hourMs, 0, hourMs, undefined])("takes no other clock for what is received at first (%s)", (off) => {
  const serviceTime = off === undefined ? undefined : sentAt + 900_000 + off;
  expect(restOfDelay({ waitMs: 2_000_000 }, received(900_000), serviceTime)).toBe(1_100_000);
});

it("goes by the service's clock for what was received before, and never by less than SQS knows", () => {
  expect(restOfDelay({ waitMs: 2_000_000 }, received(900_000, 2), sentAt + 930_000)).toBe(1_070_000);
  expect(restOfDelay({ waitMs: 2_000_000 }, received(900_000, 2), sentAt - hourMs)).toBe(1_100_000);
});

it("is never longer than the wait, whatever the clocks show", () => {
  const { Attributes } = received(0, 2);
  const native = { Attributes: { ...Attributes, ApproximateFirstReceiveTimestamp: undefined } };
  expect(restOfDelay({ waitMs: 2_000_000 }, native, sentAt - hourMs)).toBe(2_000_000);
});

it("is the whole wait where SQS says nothing, and nothing where nobody can have asked for it", () => {
  expect(restOfDelay({ waitMs: 2_000 }, {}, undefined)).toBe(2_000);
  expect(restOfDelay({ waitMs: 2 * longestDelayMs + 1 }, received(0), sentAt)).toBe(0);
});
