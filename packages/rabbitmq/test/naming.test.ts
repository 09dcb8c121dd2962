import type { Address } from "@waybill/core/spi";
import { expect, it } from "vitest";
import { naming, queueName } from "../src/naming.ts";

it("takes portable names as they are, within what AMQP has room for", () => {
  expect(naming.toBrokerName("orders.placed", "topic")).toBe("orders.placed");
  expect(naming.toBrokerName("a".repeat(120), "queue")).toBe("a".repeat(120));
  expect(naming.toBrokerName("a".repeat(121), "queue")).toBeUndefined();
  expect(naming.toBrokerName("amq.orders", "topic")).toBeUndefined();
  const dead = [..."abc"]
    .map((character) => character.repeat(120))
    .slice(0, 2)
    .join("..");
  expect(naming.toBrokerName(`${dead}..dead`, "queue")).toBe(`${dead}..dead`);
});

it("gives a group a queue of its own", () => {
  const queue: Address = {
    kind: "queue",
    name: "orders",
    group: undefined,
    brokerName: "orders",
    brokerGroup: undefined,
    ordered: false,
    retained: false,
  };
  expect(queueName(queue)).toBe("orders");
  expect(queueName({ ...queue, kind: "group", brokerGroup: "billing" })).toBe("orders..billing");
});
