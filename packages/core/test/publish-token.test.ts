import { describe, expect, it } from "vitest";
import { queue } from "../src/index.ts";
import type { WireMessage } from "../src/spi/index.ts";
import { VendorError } from "./scripted-driver.ts";
import { connected, delivery } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const own = "the-token-that-it-came-with";
const fails = () => {
  throw new Error("no");
};

/** A driver whose first publishes to each destination are lost on the way. */
function forgetful(times: number) {
  const lost = new Map<string, number>();
  return {
    publish: (_batch: readonly WireMessage[], { name }: { readonly name: string }) => {
      const count = lost.get(name) ?? 0;
      if (count === times) return undefined;
      lost.set(name, count + 1);
      throw new VendorError("CONNECTION_LOST");
    },
  };
}

const tokensOf = (messages: readonly WireMessage[]) => messages.map(({ publishToken }) => publishToken);
const distinct = (tokens: readonly string[]) => new Set(tokens).size;

describe("the publish token of a message", () => {
  it("is the same however often a publish goes out again, and another for each publish of the same id", async () => {
    const { client, driver, clock } = await connected(forgetful(2));
    for (let i = 0; i < 2; i++) await Promise.all([client.send(Jobs, 1, { id: "mine" }), clock.pass(10_000)]);
    const tokens = tokensOf(driver.sent("jobs"));
    expect(tokens).toHaveLength(4);
    expect(distinct(tokens.slice(0, 3))).toBe(1);
    expect(distinct(tokens)).toBe(2);
    expect(driver.sent("jobs").map(({ id }) => id)).toEqual(Array(4).fill("mine"));
  });

  it("is new for each retry that is published again, and the same however often that goes out", async () => {
    const { client, driver, clock } = await connected({
      ...forgetful(1),
      capabilities: { retry: { how: "republish" } },
    });
    await client.consume(Jobs, { retry: { maxAttempts: 5, backoff: () => 5_000 } }, fails);
    let message: Partial<WireMessage> = { id: "m" };
    for (let attempt = 1; attempt <= 2; attempt++) {
      const { publishToken: _, delayMs: __, ...rest } = message;
      driver.consumer().deliver(delivery(1, { ...rest, native: { publishToken: own } }));
      await clock.pass(1_000);
      message = driver.sent("jobs").at(-1) ?? {};
    }
    const tokens = tokensOf(driver.sent("jobs"));
    expect(tokens).toHaveLength(3);
    expect(tokens[1], "the first retry, sent again").toBe(tokens[0]);
    expect(distinct(tokens)).toBe(2);
    expect(driver.sent("jobs").map(({ id }) => id)).toEqual(["m", "m", "m"]);
  });

  it("is new for a dead-lettered copy, and the same however often that goes out", async () => {
    const { client, driver, clock } = await connected(forgetful(3));
    await client.consume(Jobs, { retry: { maxAttempts: 1 } }, fails);
    for (let i = 0; i < 2; i++) {
      driver.consumer().deliver(delivery(1, { id: "m" }));
      await clock.pass(60_000);
    }
    const tokens = tokensOf(driver.sent("jobs..dead"));
    expect(tokens).toHaveLength(5);
    expect(distinct(tokens.slice(0, 4))).toBe(1);
    expect(distinct(tokens)).toBe(2);
  });

  it("is new for each redrive, for what is brought back and for what is put back, and the same when sent again", async () => {
    const { client, driver, clock } = await connected({ ...forgetful(1), inspect: () => ({ backlog: 1 }) });
    for (const pick of [true, true, false, false]) {
      const report = client.redrive({ queue: Jobs }, { filter: () => pick });
      await clock.settle();
      driver.consumer().deliver(delivery(1, { id: "m" }));
      await clock.pass(1_000);
      expect(await report).toMatchObject({ seen: 1, redriven: pick ? 1 : 0 });
    }
    for (const name of ["jobs", "jobs..dead"]) {
      const tokens = tokensOf(driver.sent(name));
      expect(tokens).toHaveLength(3);
      expect(tokens[1]).toBe(tokens[0]);
      expect(distinct(tokens)).toBe(2);
    }
    expect(distinct(tokensOf([...driver.sent("jobs"), ...driver.sent("jobs..dead")]))).toBe(4);
  });
});
