import { expect, it } from "vitest";
import { FetchBuffer } from "../src/receiving/fetch-buffer.ts";

const { signal } = new AbortController();

it("hands out what one fetch brings, no more than asked for at a time", async () => {
  const buffer = new FetchBuffer<number>();
  const fetch = async () => [1, 2, 3];
  expect(await buffer.receive(2, signal, fetch)).toEqual([1, 2]);
  expect(await buffer.receive(2, signal, fetch)).toEqual([3]);
  expect(await buffer.receive(5, signal, async () => [])).toEqual([]);
});

it("keeps what comes after the signal for the next who asks, and fetches once", async () => {
  const buffer = new FetchBuffer<number>();
  const abort = new AbortController();
  let bring: (items: number[]) => void = () => {};
  let fetches = 0;
  const fetch = () => {
    fetches++;
    return new Promise<number[]>((resolve) => {
      bring = resolve;
    });
  };
  const first = buffer.receive(5, abort.signal, fetch);
  abort.abort();
  expect(await first).toEqual([]);
  const second = buffer.receive(5, signal, fetch);
  bring([1]);
  expect(await second).toEqual([1]);
  expect(fetches).toBe(1);
});

it("rejects for good after a failed fetch, once what came before is taken", async () => {
  const buffer = new FetchBuffer<number>();
  buffer.push(1);
  const fail = async () => {
    throw new Error("gone");
  };
  expect(await buffer.receive(1, signal, fail)).toEqual([1]);
  await expect(buffer.receive(1, signal, fail)).rejects.toThrow("gone");
  await expect(buffer.receive(1, signal, async () => [2])).rejects.toThrow("gone");
});

it("wakes up for what is pushed meanwhile", async () => {
  const buffer = new FetchBuffer<number>();
  const receiving = buffer.receive(1, signal, () => new Promise<never>(() => {}));
  buffer.push(7);
  expect(await receiving).toEqual([7]);
});
