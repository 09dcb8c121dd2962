import { expect, it } from "vitest";
import { isGroupQueue, naming, queueName, temporaryPrefix, topicName } from "../src/naming.ts";
import { address } from "./address.ts";

it.each([
  ["orders", "orders"],
  ["orders.placed", "orders_-placed"],
  ["orders_placed", "orders__placed"],
  ["orders..billing..dead", "orders_-_-billing_-_-dead"],
])("calls %s %s", (portable, brokerName) => {
  expect(naming.toBrokerName(portable, "queue")).toBe(brokerName);
});

it("names a group's queue for its topic and itself", () => {
  expect(queueName(address("group", "orders"))).toBe("orders_for_billing");
  expect(queueName(address("group", "orders", { ordered: true }))).toBe("orders_for_billing.fifo");
  expect(topicName(address("group", "orders", { ordered: true }))).toBe("orders.fifo");
});

it("knows a topic's group queues, however long the names", () => {
  for (const name of ["orders", "o".repeat(150)]) {
    const group = address("group", name, { group: "g".repeat(100) });
    expect(queueName(group).length).toBeLessThanOrEqual(75);
    expect(isGroupQueue(queueName(group), address("topic", name))).toBe(true);
    expect(isGroupQueue(queueName(group), address("topic", "order"))).toBe(false);
  }
});

it("keeps within 80 characters and apart what differs at the end only", () => {
  const long = ["x", "y"].map((end) => queueName(address("queue", "q".repeat(149) + end, { ordered: true })));
  for (const name of long) expect(name).toMatch(/^[\w-]{1,75}\.fifo$/);
  expect(long[0]).not.toBe(long[1]);
});

it("keeps groups of different topics apart that would read the same", () => {
  const one = address("group", "a", { group: "b_for_c" });
  const two = address("group", "a_for_b", { group: "c" });
  expect(queueName(one)).not.toBe(queueName(two));
});

it("gives no queue of an application a temporary one's name", () => {
  expect(naming.toBrokerName("waybill_temporary_x", "queue")?.startsWith(temporaryPrefix)).toBe(false);
  expect(naming.toBrokerName("inbox..1", "inbox")?.startsWith(temporaryPrefix)).toBe(true);
});

it("uses what exists already, by a map of the user's", () => {
  expect(queueName(address("queue", "jobs", { brokerName: "Existing.fifo", ordered: true }))).toBe(
    "Existing.fifo",
  );
  expect(queueName(address("queue", "jobs..dead", { brokerName: "Existing..dead" }))).toBe(
    "Existing_-_-dead",
  );
});
