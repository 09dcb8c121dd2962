import { expect, it } from "vitest";
import { addressOf } from "../../../scripts/testing/addresses.ts";
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
  const queue = addressOf("queue", "orders");
  expect(queueName(queue)).toBe("orders");
  expect(queueName({ ...queue, kind: "group", brokerGroup: "billing" })).toBe("orders..billing");
});
