import type { Address } from "@waybill/core/spi";
import { describe, expect, it } from "vitest";
import { deadId, ephemeralId, naming, returnsId, subscriptionId } from "../src/naming.ts";

const legal = /^(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}$/;
const portable = [
  "orders",
  "orders.placed",
  "a",
  "ab",
  "w",
  "1st",
  "_x",
  "-x",
  "goog",
  "google.things",
  "GOOGle",
  "go-og",
  "x".repeat(150),
  `${"x".repeat(149)}y`,
  "orders.placed..billing..dead",
  `${"a".repeat(150)}..${"b".repeat(150)}..dead`,
  `${"a".repeat(150)}..${"b".repeat(149)}c..dead`,
];

describe("names", () => {
  it("are legal, whatever they were", () => {
    for (const name of portable) expect(naming.toPhysical(name, "topic")).toMatch(legal);
  });

  it("never meet", () => {
    const physical = portable.map((name) => naming.toPhysical(name, "topic"));
    expect(new Set(physical).size).toBe(portable.length);
  });

  it("stay as they are where they can", () => {
    expect(naming.toPhysical("orders.placed", "queue")).toBe("orders.placed");
    expect(naming.toPhysical("1", "group")).toBe("1");
  });
});

function group(topic: string, name: string): Address {
  const physical = naming.toPhysical(topic, "topic") as string;
  const physicalGroup = naming.toPhysical(name, "group") as string;
  return {
    kind: "group",
    name: topic,
    group: name,
    physical,
    physicalGroup,
    ordered: false,
    retained: false,
  };
}

describe("what is derived", () => {
  it("is legal and different for every group, however long the names", () => {
    const long = "l".repeat(150);
    const groups = [
      group("a", "b"),
      group(long, long),
      group(long, `${long.slice(1)}m`),
      group(`${long.slice(1)}m`, long),
    ];
    const ids = groups.flatMap((each) => [subscriptionId(each), returnsId(each), deadId(each)]);
    for (const id of [...ids, ephemeralId(long, "0f8fad5b-d9cb-469f-a165-70867728950e")])
      expect(id).toMatch(legal);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("has the dead letters where core looks for them", () => {
    expect(deadId(group("orders", "billing"))).toBe(naming.toPhysical("orders..billing..dead", "queue"));
    expect(deadId(group("1", "billing"))).toBe(naming.toPhysical("1..billing..dead", "queue"));
    const long = "l".repeat(150);
    expect(deadId(group(long, long))).toBe(naming.toPhysical(`${long}..${long}..dead`, "queue"));
  });
});
