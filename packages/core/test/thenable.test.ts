import { describe, expect, it } from "vitest";
import { whenSettled } from "../src/runtime/thenable.ts";

/** What was called back by the time that all microtasks are over. */
async function calledBack(value: PromiseLike<unknown>): Promise<readonly unknown[]> {
  const calls: unknown[] = [];
  whenSettled(
    value,
    () => calls.push("fulfilled"),
    (reason) => calls.push(reason),
  );
  await new Promise((resolve) => setTimeout(resolve));
  return calls;
}

describe("what a handler returns is waited for as `await` would", () => {
  it("a promise", async () => {
    expect(await calledBack(Promise.resolve(1))).toEqual(["fulfilled"]);
    expect(await calledBack(Promise.reject("no"))).toEqual(["no"]);
  });

  it("anything else with a `then`, whatever that does", async () => {
    // biome-ignore lint/suspicious/noThenProperty: that is what is tested
    const twice = { then: (resolve: (value: unknown) => void) => [resolve(1), resolve(2)] };
    const throwing = {
      // biome-ignore lint/suspicious/noThenProperty: that is what is tested
      get then(): never {
        throw "no then";
      },
    };
    expect(await calledBack(twice as unknown as PromiseLike<unknown>)).toEqual(["fulfilled"]);
    expect(await calledBack(throwing)).toEqual(["no then"]);
    expect(await calledBack(Object.create(Promise.prototype))).toEqual([expect.any(TypeError)]);
  });

  it("a promise whose own `then` would call back as often as it likes", async () => {
    const promise = Object.assign(Promise.resolve(1), {
      // biome-ignore lint/suspicious/noThenProperty: that is what is tested
      then: (resolve: () => void) => [resolve(), resolve()],
    });
    expect(await calledBack(promise as unknown as PromiseLike<unknown>)).toEqual(["fulfilled"]);
  });

  it("a promise that cannot be read is refused at once, and nothing is called back", async () => {
    const promise = Object.defineProperty(Promise.resolve(1), "constructor", {
      get: () => {
        throw new Error("no constructor");
      },
    });
    await expect(calledBack(promise)).rejects.toThrow("no constructor");
  });
});
