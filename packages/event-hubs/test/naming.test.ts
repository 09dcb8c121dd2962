import { describe, expect, it } from "vitest";
import { addressOf } from "../../../scripts/testing/addresses.ts";
import { groupName, hubAddressOf, naming } from "../src/naming.ts";

const settings = {
  deadLetters: "shared",
  deadLetterHub: "waybill..dead",
  replyHub: "waybill..replies",
  readGroup: "$Default",
} as const;

describe("names", () => {
  it("are taken as they are, or refused", () => {
    expect(naming.toBrokerName("orders.placed", "topic")).toBe("orders.placed");
    expect(naming.toBrokerName("Orders_1-a", "queue")).toBe("Orders_1-a");
    for (const name of ["_", "-a", "a_", "ö", "x".repeat(257)]) {
      expect(naming.toBrokerName(name, "topic"), name).toBeUndefined();
    }
  });

  it("that differ in case only collide", () => {
    expect(naming.collisionKey?.("Orders")).toBe(naming.collisionKey?.("orders"));
  });

  it("of groups fit the service's fifty letters, and differ where the groups do", () => {
    expect(groupName("billing")).toBe("billing");
    const names = ["a".repeat(150), `${"a".repeat(149)}b`, "_", "-", "a_", "x".repeat(51)].map(groupName);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9.-]{0,48}[A-Za-z0-9]$/);
  });
});

describe("hub addresses", () => {
  it("of a topic's groups are its hub, each with what is for it alone", () => {
    expect(hubAddressOf(addressOf("group", "orders", "billing"), settings)).toEqual({
      hub: "orders",
      consumerGroup: "billing",
      mark: "billing",
      takesUnmarked: true,
    });
  });

  it("are the same in any spelling that the service takes for the same", () => {
    const long = `Billing-${"x".repeat(60)}`;
    for (const group of ["Billing", long, "Billing_"]) {
      const [one, other] = [group, group.toLowerCase()].map((name) =>
        hubAddressOf(addressOf("group", "orders", name), settings),
      );
      expect(one?.consumerGroup.toLowerCase()).toBe(other?.consumerGroup.toLowerCase());
      expect(one?.mark).toBe(other?.mark);
    }
    const dead = ["Orders..Billing..dead", "orders..billing..dead"].map((name) =>
      hubAddressOf(addressOf("queue", name), settings),
    );
    expect(dead[0]).toEqual(dead[1]);
  });

  it("of dead-letter queues are one hub for all, or one each", () => {
    const dead = addressOf("queue", "orders..billing..dead");
    expect(hubAddressOf(dead, settings)).toMatchObject({
      hub: "waybill..dead",
      mark: dead.brokerName,
      takesUnmarked: false,
    });
    expect(hubAddressOf(dead, { ...settings, deadLetters: "own" })).toMatchObject({
      hub: dead.brokerName,
      mark: undefined,
    });
    const other = hubAddressOf(addressOf("queue", "orders..shipping..dead"), settings);
    expect(other.consumerGroup).not.toBe(hubAddressOf(dead, settings).consumerGroup);
  });
});
