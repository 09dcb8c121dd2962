import { describe, expect, test } from "vitest";
import { History, type Numbered } from "./history.ts";
import { keysNamed, Load } from "./load.ts";

const later = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("a load", () => {
  test("keeps its window full and no fuller, until so many are confirmed", async () => {
    const history = new History();
    let underWay = 0;
    let most = 0;
    const publish = async () => {
      most = Math.max(most, ++underWay);
      await later();
      underWay--;
    };
    const load = new Load(history, publish, { count: 100, window: 7 });
    await load.done;
    expect(load.confirmed).toBe(100);
    expect(history.counts().published).toBe(100);
    expect(most).toBe(7);
  });

  test("takes keys in turn, each with numbers of its own", async () => {
    const sent: Numbered[] = [];
    const publish = async (message: Numbered) => void sent.push(message);
    await new Load(new History(), publish, { count: 4, keys: keysNamed(2), window: 1 }).done;
    expect(sent.map(({ k, n }) => `${k}:${n}`)).toEqual(["key-0:0", "key-1:0", "key-0:1", "key-1:1"]);
  });

  test("counts what fails and publishes others in its place", async () => {
    let calls = 0;
    const publish = async () => {
      if (++calls % 3 === 0) throw new Error("no");
    };
    const load = new Load(new History(), publish, { count: 20 });
    await load.done;
    expect(load.confirmed).toBe(20);
    expect(load.failed).toBe(9);
  });

  test("tells of a goal while the rest is still on its way", async () => {
    const load = new Load(new History(), later, { count: 100, window: 10 });
    await load.reached(30);
    expect(load.confirmed).toBe(30);
    await load.done;
  });

  test("gives up with the last error when nothing gets through", async () => {
    const publish = () => Promise.reject(new Error("never"));
    await expect(new Load(new History(), publish, { count: 10 }).done).rejects.toThrow("never");
  });
});
