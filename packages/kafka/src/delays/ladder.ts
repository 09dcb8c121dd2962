import { metadataHeaders } from "@waybill/core/spi";
import type { IncomingRecord, OutgoingRecord } from "../client.ts";

/**
 * Delays by a ladder. Each partition of a delay topic is a rung with a fixed hold:
 * what enters waits that long there, in the order it came, so nobody waits behind
 * someone slower; then it goes to the highest rung its remaining time allows, and
 * from the lowest to where it belongs. What fits a rung but for a tenth stays until
 * it is due, and so holds up those behind it by a tenth at most.
 */
export const rungHoldsMs = [0, 250, 1_000, 4_000, 16_000, 64_000, 256_000, 1_024_000, 4_096_000] as const;

/** How much longer than its hold a rung keeps what would be due soon after. */
const grace = 1.1;

export const delayHeaders = {
  /** When to deliver, milliseconds since the epoch. */
  due: "waybill-kafka-due",
  /** The topic to deliver to. */
  to: "waybill-kafka-to",
} as const;

/** A record made ready to wait. */
export function delayed(record: OutgoingRecord, to: string, due: number): OutgoingRecord {
  return {
    ...record,
    timestamp: Date.now(),
    headers: [
      ...record.headers,
      // On the ladder, and where it goes from there, the record's own time is that of the step.
      ...(record.headers.some((text, i) => i % 2 === 0 && text === metadataHeaders.timestamp)
        ? []
        : [metadataHeaders.timestamp, String(record.timestamp)]),
      delayHeaders.due,
      // One more, since both clocks cut off what is below a millisecond.
      String(Math.ceil(due) + 1),
      delayHeaders.to,
      to,
    ],
  };
}

/** What waits, as found on the ladder. */
export interface Waiting {
  readonly due: number;
  readonly to: string;
  /** When it entered its rung. */
  readonly entered: number;
  /** As it is to be delivered. */
  readonly record: OutgoingRecord;
}

/** Reads a record of a delay topic; one that says nothing of its delay is due at once, at the topic's own address. */
export function readWaiting(record: IncomingRecord, fallbackTo: string): Waiting {
  let due = 0;
  let to = fallbackTo;
  const headers: string[] = [];
  const flat = record.headers();
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] as string;
    const value = flat[i + 1] as string;
    if (name === delayHeaders.due) due = Number(value) || 0;
    else if (name === delayHeaders.to) to = value;
    else headers.push(name, value);
  }
  return {
    due,
    to,
    entered: record.timestamp,
    record: { key: record.key, value: record.value ?? Buffer.alloc(0), timestamp: Date.now(), headers },
  };
}

/** The rung for what is still to wait. */
export function rung(remainingMs: number): number {
  let chosen = 0;
  for (let i = 0; i < rungHoldsMs.length; i++) {
    if ((rungHoldsMs[i] as number) <= remainingMs) chosen = i;
  }
  return chosen;
}

/** The rung of a record that `delayed` has made, on a ladder of so many. */
export function rungFor(record: OutgoingRecord, rungs: number): number {
  const at = record.headers.lastIndexOf(delayHeaders.due);
  return Math.min(rungs - 1, rung(Number(record.headers[at + 1]) - record.timestamp));
}

/** When what waits on this rung is to leave it: when it is due, or for a lower rung. */
export function leavesAt(waiting: Pick<Waiting, "due" | "entered">, ofRung: number): number {
  const hold = rungHoldsMs[ofRung] ?? 0;
  const remaining = waiting.due - waiting.entered;
  return remaining <= Math.max(rungHoldsMs[1], hold * grace) ? waiting.due : waiting.entered + hold;
}
