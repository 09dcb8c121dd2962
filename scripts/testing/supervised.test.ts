import { expect, it } from "vitest";
import { runSupervised } from "./supervised.ts";

const options = { env: process.env, signal: new AbortController().signal };

it("hands out the lines of both streams, and the exit code", async () => {
  const lines: string[] = [];
  const onLine = (line: string) => void lines.push(line);
  expect(await runSupervised("sh", ["-c", "echo one; echo two >&2; exit 3"], { ...options, onLine })).toBe(3);
  expect(lines.sort()).toEqual(["one", "two"]);
});

it("ends a program together with what it started", async () => {
  const end = new AbortController();
  const pids: number[] = [];
  const onLine = (line: string) => {
    pids.push(...line.split(" ").map(Number));
    end.abort();
  };
  // Both ignore being asked to end; the inner one would outlive the other by a minute.
  const script = "trap '' TERM; sh -c 'sleep 60; sleep 60' & echo $$ $!; exit 0";
  expect(await runSupervised("sh", ["-c", script], { ...options, signal: end.signal, onLine })).toBe(0);
  await expect.poll(() => pids.length).toBe(2);
  await expect.poll(() => pids.filter(isAlive)).toEqual([]);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
