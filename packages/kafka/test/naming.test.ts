import { describe, expect, it } from "vitest";
import { addressOf } from "../../../scripts/testing/addresses.ts";
import { delayGroupId, delayTopic, groupId, naming, publishTopic, retryTopic } from "../src/naming.ts";

describe("names", () => {
  it("are taken as they are, or refused", () => {
    expect(naming.toBrokerName("orders.placed", "topic")).toBe("orders.placed");
    expect(naming.toBrokerName("orders..dead", "queue")).toBe("orders..dead");
    expect(naming.toBrokerName("x".repeat(250), "topic")).toBeUndefined();
    expect(naming.toBrokerName("ö", "topic")).toBeUndefined();
    expect(naming.toBrokerName("..", "topic")).toBeUndefined();
  });

  it("that differ in dots and underscores collide", () => {
    expect(naming.collisionKey?.("a.b_c")).toBe(naming.collisionKey?.("a_b.c"));
  });

  it("derived ones fit, whatever they are derived from, and differ where those differ", () => {
    const topic = "t".repeat(150);
    const one = retryTopic(addressOf("group", topic, "a".repeat(150)));
    const two = retryTopic(addressOf("group", topic, `${"a".repeat(149)}b`));
    expect(one.length).toBeLessThanOrEqual(249);
    expect(naming.toBrokerName(one, "topic")).toBe(one);
    expect(one).not.toBe(two);
  });

  it("of one kind of thing are never those of another", () => {
    const names = [
      "orders",
      retryTopic(addressOf("group", "orders", "dead")),
      retryTopic(addressOf("group", "orders", "delayed")),
      delayTopic(addressOf("topic", "orders")),
      delayTopic(addressOf("queue", "orders..dead")),
      "orders..dead",
      "orders..billing..dead",
    ];
    expect(new Set(names).size).toBe(names.length);
    const groups = [
      groupId(addressOf("group", "orders", "billing")),
      groupId(addressOf("group", "billing", "orders")),
      groupId(addressOf("queue", "orders")),
      groupId(addressOf("group", "orders", "queue")),
      delayGroupId(addressOf("queue", "orders")),
    ];
    expect(new Set(groups).size).toBe(groups.length);
  });

  it("send a group's own messages past the topic", () => {
    expect(publishTopic(addressOf("group", "orders", "billing"))).toBe("orders..billing..retry");
    expect(publishTopic(addressOf("queue", "orders"))).toBe("orders");
  });
});
