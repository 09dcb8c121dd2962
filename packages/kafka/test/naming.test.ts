import type { Address } from "@waybill/core/spi";
import { describe, expect, it } from "vitest";
import { delayGroupId, delayTopic, groupId, naming, publishTopic, retryTopic } from "../src/naming.ts";

const address = (kind: Address["kind"], brokerName: string, brokerGroup?: string): Address => ({
  kind,
  name: brokerName,
  group: brokerGroup,
  brokerName,
  brokerGroup,
  ordered: false,
  retained: false,
});

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
    const one = retryTopic(address("group", topic, "a".repeat(150)));
    const two = retryTopic(address("group", topic, `${"a".repeat(149)}b`));
    expect(one.length).toBeLessThanOrEqual(249);
    expect(naming.toBrokerName(one, "topic")).toBe(one);
    expect(one).not.toBe(two);
  });

  it("of one kind of thing are never those of another", () => {
    const names = [
      "orders",
      retryTopic(address("group", "orders", "dead")),
      retryTopic(address("group", "orders", "delayed")),
      delayTopic(address("topic", "orders")),
      delayTopic(address("queue", "orders..dead")),
      "orders..dead",
      "orders..billing..dead",
    ];
    expect(new Set(names).size).toBe(names.length);
    const groups = [
      groupId(address("group", "orders", "billing")),
      groupId(address("group", "billing", "orders")),
      groupId(address("queue", "orders")),
      groupId(address("group", "orders", "queue")),
      delayGroupId(address("queue", "orders")),
    ];
    expect(new Set(groups).size).toBe(groups.length);
  });

  it("send a group's own messages past the topic", () => {
    expect(publishTopic(address("group", "orders", "billing"))).toBe("orders..billing..retry");
    expect(publishTopic(address("queue", "orders"))).toBe("orders");
  });
});
