import { describe, expect, test } from "vitest";
import { History, type HistoryOptions } from "../src/history.ts";

/** A history of one key with so many confirmed messages, delivered in this order. */
function historyOf(order: readonly number[], options: HistoryOptions & { count?: number } = {}) {
  const history = new History(options);
  const count = options.count ?? Math.max(...order) + 1;
  const messages = Array.from({ length: count }, () => history.next("k"));
  for (const message of messages) history.confirm(message);
  for (const n of order) history.deliver({ p: "a", k: "k", n });
  return history;
}

describe("the history", () => {
  test("finds nothing wrong when each comes once, in order", () => {
    const history = historyOf([0, 1, 2], { ordered: true });
    expect(history.counts()).toEqual({
      published: 3,
      delivered: 3,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      phantom: 0,
    });
    expect(history.complete("reader")).toBe(true);
    history.check();
  });

  test("counts what was confirmed and never came as lost, for every reader", () => {
    const history = historyOf([0, 2], { count: 3 });
    history.expect("other");
    expect(history.counts().lost).toBe(1 + 3);
    expect(history.counts("reader").lost).toBe(1);
    expect(history.complete("reader")).toBe(false);
    expect(() => history.check()).toThrow(/4 lost/);
  });

  test("takes no offence at what was never confirmed, delivered or not", () => {
    const history = new History();
    const [one] = [history.next(), history.next()];
    history.expect("reader");
    history.deliver(one as ReturnType<typeof history.next>);
    history.check();
    expect(history.counts().published).toBe(0);
  });

  test("counts every delivery beyond the first", () => {
    const history = historyOf([0, 0, 1, 0]);
    expect(history.counts().duplicated).toBe(2);
    expect(() => history.check()).toThrow(/2 duplicated \(0 allowed\)/);
    history.check({ duplicates: 2 });
    expect(history.times({ p: "a", k: "k", n: 0 })).toBe(3);
    expect(history.distinct()).toBe(2);
  });

  test("counts what nobody published as phantom", () => {
    const history = historyOf([0]);
    history.deliver({ p: "a", k: "k", n: 1 });
    history.deliver({ p: "nobody", k: "k", n: 0 });
    history.deliver({ p: "a", k: "k", n: -1 });
    expect(history.counts().phantom).toBe(3);
    expect(() => history.check()).toThrow(/3 phantom/);
  });

  test("counts a swap, redelivery or not", () => {
    for (const redelivery of [false, true]) {
      expect(historyOf([0, 2, 1, 3], { ordered: true, redelivery }).counts().reordered).toBe(1);
    }
    expect(historyOf([0, 2, 1, 3]).counts().reordered).toBe(0);
  });

  test("allows a replayed suffix only where redelivery is possible", () => {
    const replayed = [0, 1, 2, 1, 2, 3];
    expect(historyOf(replayed, { ordered: true, redelivery: true }).counts().reordered).toBe(0);
    expect(historyOf(replayed, { ordered: true }).counts().reordered).toBeGreaterThan(0);
    expect(historyOf([0, 2, 0, 1, 2], { ordered: true, redelivery: true }).counts().reordered).toBe(1);
  });

  test("keeps keys and producers apart", () => {
    const history = new History({ ordered: true });
    const messages = [history.next("a", "x"), history.next("b", "x"), history.next("a", "y")];
    expect(messages.map(({ n }) => n)).toEqual([0, 0, 0]);
    for (const message of messages.reverse()) {
      history.confirm(message);
      history.deliver(message);
    }
    history.check();
  });

  test("publishes, and confirms only what resolved", async () => {
    const history = new History();
    await history.publish(async () => undefined);
    await expect(history.publish(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(history.counts().published).toBe(1);
  });

  test("takes a hundred thousand messages in its stride", () => {
    const history = new History({ ordered: true });
    for (let n = 0; n < 100_000; n++) {
      const message = history.next(`k${n % 16}`);
      history.confirm(message);
      history.deliver(message);
    }
    history.check();
    expect(history.counts().delivered).toBe(100_000);
  });
});
