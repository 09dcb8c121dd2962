import { describe, expect, it } from "vitest";
import { bytes, deadLetterOf, json, queue, topic } from "../src/index.ts";

const loose = (options: object) => options as never;

describe("a contract", () => {
  it("has JSON, no order and no retention unless it says otherwise", () => {
    expect(topic("orders")).toMatchObject({
      kind: "topic",
      codec: json,
      ordered: false,
      retained: false,
      key: undefined,
      schema: undefined,
    });
    expect(queue("jobs")).toMatchObject({ kind: "queue", codec: json, ordered: false, reply: undefined });
  });

  it("is ordered by having a key, retained by saying so, and answers by having a reply", () => {
    expect(topic("orders", { key: () => "k", retained: true })).toMatchObject({
      ordered: true,
      retained: true,
    });
    expect(queue("jobs", { reply: { codec: bytes } }).reply).toEqual({ schema: undefined, codec: bytes });
  });

  it("cannot be changed", () => {
    const contract = topic("orders") as { name: string };
    expect(() => {
      contract.name = "other";
    }).toThrow(TypeError);
  });

  const wrong: [string, () => unknown, string][] = [
    ["an option that nobody reads", () => topic("t", loose({ keys: () => "k" })), "UNKNOWN_OPTION"],
    ["an option of the other kind", () => queue("q", loose({ retained: true })), "UNKNOWN_OPTION"],
    ["a reply option that nobody reads", () => queue("q", { reply: loose({ key: 1 }) }), "UNKNOWN_OPTION"],
    ["options that are none", () => topic("t", null as never), "INVALID_ARGUMENT"],
    ["a schema that is none", () => topic("t", { schema: loose({ parse: () => 1 }) }), "INVALID_ARGUMENT"],
    ["half a codec", () => topic("t", { codec: loose({ encode: () => 1 }) }), "INVALID_ARGUMENT"],
    ["a key that is no function", () => topic("t", loose({ key: "customer" })), "INVALID_ARGUMENT"],
    ["a retention that is no yes or no", () => topic("t", loose({ retained: "7d" })), "INVALID_ARGUMENT"],
  ];
  for (const [what, make, code] of wrong) {
    it(`with ${what} is refused`, () => {
      expect(make).toThrowError(expect.objectContaining({ code }));
    });
  }

  it("of dead-lettered messages has a name that no other contract can have", () => {
    const orders = topic("orders");
    expect(deadLetterOf({ topic: orders, group: "billing" }).name).toBe("orders..billing..dead");
    expect(deadLetterOf({ queue: queue("jobs") })).toMatchObject({
      kind: "queue",
      name: "jobs..dead",
      codec: bytes,
    });
  });
});
