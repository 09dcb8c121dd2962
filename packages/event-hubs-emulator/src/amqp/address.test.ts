import { expect, test } from "vitest";
import { parseAddress } from "./address.ts";

test("reads addresses with and without a host, in any case", () => {
  const partition = { kind: "publish", hub: "orders", partition: "3" };
  expect(parseAddress("orders", "publish")).toEqual({ ...partition, partition: undefined });
  expect(parseAddress("amqps://ns.example/orders/Partitions/3", "publish")).toEqual(partition);
  const group = { kind: "receive", hub: "orders", group: "$Default", partition: "3" };
  expect(parseAddress("/orders/consumergroups/$Default/partitions/3/", "receive")).toEqual(group);
  expect(parseAddress("$cbs", "publish")).toEqual({ kind: "cbs" });
  expect(parseAddress("orders/$management", "receive")).toEqual({ kind: "management" });
});

test("finds nothing at addresses that are for the other direction, or for nothing", () => {
  for (const [address, role] of [
    ["", "publish"],
    ["orders", "receive"],
    ["orders/ConsumerGroups/g/Partitions/0", "publish"],
    ["orders/Publishers/me", "publish"],
  ] as const) {
    expect(() => parseAddress(address, role)).toThrow("could not be found");
  }
});
