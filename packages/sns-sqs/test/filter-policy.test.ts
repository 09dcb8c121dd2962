import { expect, it } from "vitest";
import { isOurs, policyOf } from "../src/client/filter-policy.ts";

const judged = (policy: string | undefined) => (policy === undefined ? undefined : JSON.parse(policy).$or[0]);

it("says to SNS what a filter asks for", () => {
  const policy = policyOf({ colour: "red", size: ["1", "2"], from: { prefix: "eu-" } });
  expect(judged(policy)).toEqual({ colour: ["red"], size: ["1", "2"], from: [{ prefix: "eu-" }] });
  expect(judged(policyOf({ traced: { exists: true } }))).toEqual({ traced: [{ exists: true }] });
});

it("lets through what SNS cannot judge", () => {
  expect(JSON.parse(policyOf({ colour: "red" }) ?? "").$or.slice(1)).toEqual([
    { "waybill-headers": [{ exists: true }] },
    { waybill: [{ exists: false }] },
  ]);
});

it.each([
  ["a name that no attribute has", { "with space": "x" }],
  ["an empty value, which is packed", { colour: "" }],
  ["one such value among others", { colour: ["red", ""] }],
  ["an empty prefix", { colour: { prefix: "" } }],
  ["absence, which SNS does not find where there are no attributes", { old: { exists: false } }],
  ["quotes", { colour: 'the "red" one' }],
  ["a word of the policy language", { prefix: "x" }],
  ["too many values", { colour: Array.from({ length: 51 }, (_, n) => `${n}`) }],
])("leaves out a condition with %s, and lets more through", (_, filter) => {
  expect(policyOf(filter)).toBeUndefined();
  expect(judged(policyOf({ ...filter, kept: "x" }))).toEqual({ kept: ["x"] });
});

it("keeps within SNS's five names", () => {
  const policy = policyOf({ a: "1", b: "2", c: "3", d: "4" });
  expect(Object.keys(judged(policy))).toHaveLength(3);
});

it("knows its own policies from others", () => {
  expect(isOurs(policyOf({ colour: "red" }) ?? "")).toBe(true);
  expect(isOurs('{"colour":["red"]}')).toBe(false);
  expect(isOurs('{"$or":[{"colour":["red"]},{"size":["1"]}]}')).toBe(false);
});
