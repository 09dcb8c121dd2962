import { afterEach, expect, it, vi } from "vitest";
import { type Note, readNotes, writeNotes } from "../src/groups/waiting-notes-format.ts";

afterEach(() => void vi.useRealTimers());

const note = (fields: Partial<Note> = {}): Note => ({
  identity: "a",
  redeliveries: 2,
  counted: 1,
  dueAt: performance.now() + 60_000,
  writtenAt: Date.now(),
  ...fields,
});

const only = (messages: readonly Buffer[]): Buffer => {
  expect(messages).toHaveLength(1);
  return messages[0] as Buffer;
};

it("many are written in several messages that can each be read", () => {
  const identities = Array.from({ length: 5_000 }, (_, n) => `${n}`.padStart(43, "x"));
  const messages = writeNotes(identities.map((identity) => note({ identity, counted: 1_000_000 })));
  expect(messages).toHaveLength(3);
  const read = messages.flatMap((message) => readNotes(message) ?? []);
  expect(read.map(({ identity }) => identity)).toEqual(identities);
});

it("a note is read as it was written, with what was left of its wait", () => {
  vi.useFakeTimers();
  const content = only(writeNotes([note(), note({ identity: "b", dueAt: 0 })]));
  const [a, b] = readNotes(content) ?? [];
  vi.advanceTimersByTime(20_000);
  expect(a).toMatchObject({ identity: "a", redeliveries: 2, counted: 1 });
  expect((a?.dueAt ?? 0) - performance.now()).toBeCloseTo(40_000, -1);
  expect((b?.dueAt ?? 0) - performance.now()).toBeLessThanOrEqual(0);
});

it("a wait is neither shorter nor longer than it was for who wrote it, whatever the clocks show", () => {
  const content = only(writeNotes([note()]));
  for (const hours of [-1, 1]) {
    vi.useFakeTimers({ now: Date.now() + hours * 3_600_000, toFake: ["Date"] });
    const waitMs = (readNotes(content)?.[0]?.dueAt ?? 0) - performance.now();
    expect(waitMs, `${hours} hours`).toBeGreaterThan(59_000);
    expect(waitMs, `${hours} hours`).toBeLessThanOrEqual(60_001);
    vi.useRealTimers();
  }
});

it("a note does not live for ever", () => {
  expect(writeNotes([note({ writtenAt: Date.now() - 31 * 86_400_000 })])).toEqual([]);
});

it("what is in it is not trusted", () => {
  const row = (...fields: readonly unknown[]) => JSON.stringify({ version: 1, notes: [fields] });
  for (const odd of [
    "",
    "null",
    "[]",
    "{}",
    JSON.stringify({ version: 2, notes: [] }),
    JSON.stringify({ version: 1, notes: {} }),
    row("a", 1, 1, 1),
    row("a", -1, 1, 1, 1),
    row("a", 1e9, 1, 1, 1),
    row("a", 1, 1.5, 1, 1),
    row("a", 1, 1, "1", 1),
    row("a".repeat(65), 1, 1, 1, 1),
    JSON.stringify({ version: 1, notes: Array(3_000).fill(["a", 1, 1, 1, 1]) }),
    "x".repeat(600_000),
  ])
    expect(readNotes(Buffer.from(odd)), odd.slice(0, 60)).toBeUndefined();
  expect(readNotes(Buffer.from(row("a", 1, 1, 1, 1)))).toHaveLength(1);
});
