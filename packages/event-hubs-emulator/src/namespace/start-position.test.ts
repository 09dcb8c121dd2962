import { expect, test } from "vitest";
import { parseSelector } from "./start-position.ts";

test("reads the selectors of the Azure clients", () => {
  const offset = { coordinate: "offset", value: 4711, inclusive: false };
  expect(parseSelector("amqp.annotation.x-opt-offset > '4711'")).toEqual(offset);
  expect(parseSelector("amqp.annotation.x-opt-offset >= '4711'")).toEqual({ ...offset, inclusive: true });
  expect(parseSelector("amqp.annotation.x-opt-sequence-number > '5'")).toMatchObject({
    coordinate: "sequenceNumber",
  });
  expect(parseSelector("amqp.annotation.x-opt-enqueued-time > 1700000000000")).toMatchObject({
    coordinate: "enqueuedTime",
    value: 1_700_000_000_000,
  });
  // The beginning of time, as clients for .NET know it.
  expect(parseSelector("amqp.annotation.x-opt-enqueued-time > '-62135596800000'")).toMatchObject({
    value: -62_135_596_800_000,
  });
  expect(parseSelector("amqp.annotation.x-opt-offset > '-1'")).toBe("earliest");
  expect(parseSelector("amqp.annotation.x-opt-offset > '@latest'")).toBe("latest");
  expect(parseSelector(undefined)).toBe("earliest");
});

test("takes no other filter for one of them", () => {
  for (const selector of [
    "",
    "x-opt-offset > '1'",
    "amqp.annotation.x-opt-offset < '1'",
    "amqp.annotation.x-opt-offset > 'a'",
  ]) {
    expect(() => parseSelector(selector)).toThrow("is not supported");
  }
});
