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
    for (const name of portable) expect(naming.toBrokerName(name, "topic")).toMatch(legal);
  });

  it("never meet", () => {
    const brokerName = portable.map((name) => naming.toBrokerName(name, "topic"));
    expect(new Set(brokerName).size).toBe(portable.length);
  });

  it("stay as they are where they can", () => {
    expect(naming.toBrokerName("orders.placed", "queue")).toBe("orders.placed");
    expect(naming.toBrokerName("1", "group")).toBe("1");
  });
});

function group(topic: string, name: string): Address {
  const brokerName = naming.toBrokerName(topic, "topic") as string;
  const brokerGroup = naming.toBrokerName(name, "group") as string;
  return {
    kind: "group",
    name: topic,
    group: name,
    brokerName,
    brokerGroup,
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

  it("has dead-lettered messages where core looks for them", () => {
    expect(deadId(group("orders", "billing"))).toBe(naming.toBrokerName("orders..billing..dead", "queue"));
    expect(deadId(group("1", "billing"))).toBe(naming.toBrokerName("1..billing..dead", "queue"));
    const long = "l".repeat(150);
    expect(deadId(group(long, long))).toBe(naming.toBrokerName(`${long}..${long}..dead`, "queue"));
  });
});
