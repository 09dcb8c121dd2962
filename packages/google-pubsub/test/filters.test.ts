import { describe, expect, it } from "vitest";
import { matches, nativeFilter } from "../src/client/filters.ts";

const packed = ' OR attributes:"waybill-packed"';

describe("in the service's language", () => {
  it.each([
    [{ region: "eu" }, '(attributes.region = "eu")'],
    [{ region: ["eu", "us"] }, '((attributes.region = "eu" OR attributes.region = "us"))'],
    [{ region: { prefix: "eu-" } }, '(hasPrefix(attributes.region, "eu-"))'],
    [{ region: { prefix: "" } }, '(attributes:"region")'],
    [{ "x-region": { exists: true } }, '(attributes:"x-region")'],
    [{ region: "eu", test: { exists: false } }, '(attributes.region = "eu" AND NOT attributes:"test")'],
  ])("%j", (filter, expected) => {
    expect(nativeFilter(filter)).toBe(expected + packed);
  });

  it("leaves out what it cannot say for certain, and never says more than was asked", () => {
    expect(nativeFilter({ region: 'e"u' })).toBe("");
    expect(nativeFilter({ "x-region": "eu" })).toBe("");
    expect(nativeFilter({ region: "é", kind: "a" })).toBe(`(attributes.kind = "a")${packed}`);
    expect(nativeFilter({ "content-type": { exists: false } })).toBe("");
    expect(nativeFilter({ region: Array.from({ length: 30 }, (_, n) => `region-${n}`) })).toBe("");
  });
});

describe("on receipt", () => {
  it.each([
    [{ region: "eu" }, { region: "eu" }, true],
    [{ region: "eu" }, {}, false],
    [{ region: ["eu", "us"] }, { region: "us" }, true],
    [{ region: { prefix: "e" } }, { region: "us" }, false],
    [{ region: { exists: false } }, {}, true],
    [{ region: "eu", kind: "a" }, { region: "eu" }, false],
  ])("%j on %j: %s", (filter, headers, expected) => {
    expect(matches(filter, headers as Record<string, string>)).toBe(expected);
  });
});
