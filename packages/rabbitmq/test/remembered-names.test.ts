import type { Address, WireMessage } from "@waybill/core/spi";
import { describe, expect, it } from "vitest";
import { bytesTaken, namesWithoutEnd, newestName } from "../../../scripts/testing/remembered-names.ts";
import type { Control } from "../src/client/control.ts";
import { KnownExchanges } from "../src/client/known-exchanges.ts";
import { Delays } from "../src/delays/delays.ts";
import { UncountedDeliveries } from "../src/groups/uncounted-deliveries.ts";
import { GivenBack } from "../src/receiving/given-back.ts";

const megabyte = 2 ** 20;

describe("what is remembered by names that never end is bounded, and the newest is there:", () => {
  it("exchanges that are known", () => {
    const exchanges = new KnownExchanges();
    const taken = bytesTaken(() => {
      for (const name of namesWithoutEnd(2 * megabyte)) exchanges.add(name);
      return exchanges;
    });
    expect(taken).toBeLessThan(2 * megabyte);
    expect(exchanges.has(newestName)).toBe(true);
    exchanges.clear();
    expect(exchanges.has(newestName)).toBe(false);
  });

  it("how much came back to a queue", () => {
    const givenBack = new GivenBack();
    const taken = bytesTaken(() => {
      for (const name of namesWithoutEnd(2 * megabyte)) givenBack.note(name, 4);
      return givenBack;
    });
    expect(taken).toBeLessThan(2 * megabyte);
    expect(givenBack.of(newestName)).toBe(5);
  });

  it("deliveries that are not to count", () => {
    const uncounted = new UncountedDeliveries();
    const taken = bytesTaken(() => {
      for (const id of namesWithoutEnd(4 * megabyte, 100)) uncounted.add("jobs", id);
      return uncounted;
    });
    expect(taken).toBeLessThan(4 * megabyte);
    uncounted.add("jobs", newestName);
    expect(uncounted.of("jobs", newestName)).toBe(2);
  });

  it("of 10,000 messages with the usual ids none is forgotten", () => {
    const uncounted = new UncountedDeliveries();
    const ids = Array.from({ length: 10_000 }, () => crypto.randomUUID());
    for (const id of ids) uncounted.add("orders.placed..billing", id);
    expect(ids.every((id) => uncounted.of("orders.placed..billing", id) === 1)).toBe(true);
  });

  it("destinations of delayed messages: one that was forgotten is bound again", async () => {
    let bindings = 0;
    const run = async (): Promise<void> => void bindings++;
    const delays = new Delays({ run } as unknown as Control);
    const delayed = [{ delayMs: 1_000 }] as unknown as readonly WireMessage[];
    const queue = (name: string) => ({ kind: "queue", name, brokerName: name }) as Address;
    const names = [...Array(20_000).keys()].map((n) => `${n} ${"x".repeat(200)}`);
    for (const name of names) await delays.prepare(queue(name), delayed);
    const before = bindings;
    expect(delays.prepare(queue(names.at(-1) as string), delayed)).toBeUndefined();
    await delays.prepare(queue(names[0] as string), delayed);
    expect(bindings).toBe(before + 1);
  });
});
