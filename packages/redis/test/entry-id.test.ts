import { expect, it } from "vitest";
import { before, beforeTime, timeOf } from "../src/receiving/entry-id.ts";

it("finds the id just before another", () => {
  expect(before("5-1")).toBe("5-0");
  expect(before("5-0")).toBe("4-18446744073709551615");
  expect(before("0-0")).toBe("0-0");
  expect(before("9007199254740993-0")).toBe("9007199254740992-18446744073709551615");
});

it("takes nothing for an id that is none", () => {
  for (const text of [
    "",
    "5",
    "5-",
    "-5",
    "a-b",
    "5-1 ",
    "99999999999999999999-0",
    "5-99999999999999999999",
  ]) {
    expect(before(text)).toBeUndefined();
  }
});

it("reads from a time on, that millisecond included", () => {
  expect(beforeTime(1_700_000_000_000)).toBe("1699999999999-18446744073709551615");
  expect(beforeTime(-1)).toBe("0-0");
  expect(timeOf("1700000000000-3")).toBe(1_700_000_000_000);
});
