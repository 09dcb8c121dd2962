import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { identify } from "../src/process/identity.ts";
import { withLock } from "../src/process/lock.ts";
import { temporaryFolder } from "./temporary-folder.ts";

describe("a lock", () => {
  it("lets one at a time do the work, and all of them in the end", async () => {
    const file = join(temporaryFolder(), "deep/er/lock");
    let inside = 0;
    let done = 0;
    await Promise.all(
      Array.from({ length: 8 }, () =>
        withLock(file, async () => {
          expect(++inside).toBe(1);
          await sleep(5);
          inside--;
          done++;
        }),
      ),
    );
    expect(done).toBe(8);
    expect(existsSync(file)).toBe(false);
  });

  it("is given back when the work throws", async () => {
    const file = join(temporaryFolder(), "lock");
    await expect(withLock(file, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await withLock(file, async () => "again")).toBe("again");
  });

  it("tells whom it waits for", async () => {
    const file = join(temporaryFolder(), "lock");
    const waitedFor: string[] = [];
    await Promise.all([
      withLock(file, () => sleep(200)),
      withLock(
        file,
        async () => {},
        (holder) => waitedFor.push(holder),
      ),
    ]);
    expect(waitedFor).toEqual(["another start"]);
  });

  it.each([
    ["that is gone", { pid: 2 ** 22 + 1, started: "long ago" }],
    ["whose pid was given to somebody else", { pid: process.pid, started: "long ago" }],
  ])("is taken over from a process %s", async (_, holder) => {
    const folder = temporaryFolder();
    const file = join(folder, "lock");
    writeFileSync(file, JSON.stringify(holder));
    const order: number[] = [];
    await Promise.all([1, 2, 3].map((n) => withLock(file, async () => order.push(n))));
    expect(order.toSorted()).toEqual([1, 2, 3]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is not taken over from a process that lives", async () => {
    const file = join(temporaryFolder(), "lock");
    writeFileSync(file, JSON.stringify(identify(process.pid)));
    let entered = false;
    const waiting = withLock(file, async () => {
      entered = true;
    });
    await sleep(200);
    expect(entered).toBe(false);
    writeFileSync(file, JSON.stringify({ pid: process.pid, started: "long ago" }));
    await waiting;
  });
});
