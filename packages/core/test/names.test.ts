import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Names } from "../src/connection/names.ts";
import { type ClientOptions, queue, topic } from "../src/index.ts";
import { checkPortableName, type NamingRule } from "../src/spi/index.ts";
import { ScriptedDriver } from "./scripted-driver.ts";
import { connected, failureOf } from "./workbench.ts";

/** What a topic or queue is called on the broker. */
async function brokerName(
  contract: ReturnType<typeof topic>,
  options: Pick<ClientOptions, "prefix" | "names"> = {},
  naming: Partial<NamingRule> = {},
) {
  const { client } = await connected({ naming }, options);
  const [report] = await client.topology.inspect(contract);
  return report?.brokerName;
}

describe("a portable name", () => {
  it("has parts of letters, digits, _ and -, joined by single dots", () => {
    for (const name of ["a", "orders.placed", "A-1_b.c.d", "x".repeat(150)])
      expect(topic(name).name).toBe(name);
    const wrong = ["", ".", "a.", ".a", "a..b", "a b", "ä", "a/b", "a:b", "x".repeat(151), "a\n", 5, null];
    for (const name of wrong as string[]) {
      expect(() => topic(name)).toThrowError(expect.objectContaining({ code: "INVALID_NAME" }));
      expect(() => queue(name)).toThrowError(expect.objectContaining({ code: "INVALID_NAME" }));
    }
  });

  it("is never one that core or an adapter derives", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(() => checkPortableName(`${a}..${b}`, "topic")).toThrow();
      }),
    );
  });

  it("of any length is judged in no time", () => {
    expect(() => checkPortableName(`${"a".repeat(100_000)}!`, "topic")).toThrow();
  });
});

describe("a name on the broker", () => {
  const Orders = topic("orders.placed");

  it("is what the adapter's rule makes of it, prefix included", async () => {
    const toBrokerName = (name: string, kind: string) => `${kind}:${name}`;
    expect(await brokerName(Orders, { prefix: "staging." }, { toBrokerName })).toBe(
      "topic:staging.orders.placed",
    );
  });

  it("is taken as it is from `names`, without prefix", async () => {
    const options = { prefix: "staging.", names: { "orders.placed": "LEGACY/Orders" } };
    expect(await brokerName(Orders, options)).toBe("LEGACY/Orders");
    expect(await brokerName(topic("constructor"), options)).toBe("staging.constructor");
  });

  it("that the broker cannot have is refused with its rule, before any I/O", async () => {
    const naming = { rule: "Only short names.", toBrokerName: () => undefined };
    const { client, driver } = await connected({ naming });
    const error = await failureOf(client.publish(Orders, 1));
    expect(error?.code).toBe("INVALID_NAME");
    expect(error?.message).toContain("Only short names.");
    expect(driver.ensured).toEqual([]);
  });

  it("of a group takes no prefix", async () => {
    const { client, driver } = await connected({}, { prefix: "staging." });
    await client.subscribe(Orders, { group: "billing" }, () => {});
    expect(driver.consumer().source.address).toMatchObject({
      name: "orders.placed",
      group: "billing",
      brokerName: "staging.orders.placed",
      brokerGroup: "billing",
    });
  });

  it("of a group is checked as all names are", async () => {
    const { client } = await connected();
    expect((await failureOf(client.subscribe(Orders, { group: "a..b" }, () => {})))?.code).toBe(
      "INVALID_NAME",
    );
  });
});

describe("two names that would be one on the broker", () => {
  const collisions: Record<string, [ReturnType<typeof topic>, Parameters<typeof connected>]> = {
    "by the broker's own rule": [
      topic("a_b"),
      [{ naming: { collisionKey: (name) => name.replaceAll(".", "_") } }],
    ],
    "by `names`": [topic("c"), [{}, { names: { c: "a.b" } }]],
  };
  for (const [why, [other, [script, options]]] of Object.entries(collisions)) {
    it(`${why} are refused`, async () => {
      const { client } = await connected(script, options);
      await client.publish(topic("a.b"), 1);
      const error = await failureOf(client.publish(other, 1));
      expect(error?.code).toBe("NAME_COLLISION");
      expect(error?.message).toContain("a.b");
    });
  }

  it("a topic and a queue of one name are refused on every broker, since on some they are the same", async () => {
    const { client } = await connected();
    await client.publish(topic("orders"), 1);
    expect((await failureOf(client.send(queue("orders"), 1)))?.code).toBe("NAME_COLLISION");
  });
});

describe("names without end", () => {
  it("are forgotten, the oldest first, and what is used again works as before", async () => {
    const driver = new ScriptedDriver();
    const names = new Names(driver, { prefix: "", names: {} });
    const first = names.destination(topic("first"));
    for (let index = 0; index < 10_000; index++) names.destination(topic(`n${index}`));
    expect(names.destination(topic("first"))).not.toBe(first);
    expect(names.destination(topic("first"))).toEqual(first);
    expect(names.destination(topic("n9999"))).toBe(names.destination(topic("n9999")));
  });
});

describe("one name described twice", () => {
  it("in the same way is the same destination", async () => {
    const { client, driver } = await connected();
    await client.publish(topic("orders"), 1);
    await client.publish(topic("orders"), 2);
    expect(driver.ensured).toHaveLength(1);
  });

  it("differently is refused", async () => {
    const { client } = await connected();
    await client.publish(topic("orders"), 1);
    for (const other of [topic("orders", { key: () => "k" }), topic("orders", { retained: true })]) {
      expect((await failureOf(client.publish(other, 1)))?.code).toBe("INVALID_ARGUMENT");
    }
  });
});
