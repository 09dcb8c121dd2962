import type { Outcome } from "./program.ts";

/** A message as the program published it. */
export interface Sent {
  readonly number: number;
  readonly to: string;
  readonly ordered: boolean;
  readonly key: string | undefined;
  /** The life of the client that published it: only what one client publishes has an order. */
  readonly publisher: number;
  readonly at: number;
  readonly delayMs: number;
  /** Its time to live, in milliseconds. */
  readonly ttlMs: number | undefined;
  readonly outcomes: readonly Outcome[];
  outcome: "pending" | "confirmed" | "failed";
  /** The broker has it. */
  stored: boolean;
}

/** What a violation calls it. */
export function nameOf({ number, key }: Sent): string {
  return key === undefined ? `#${number}` : `#${number} (key ${key})`;
}
