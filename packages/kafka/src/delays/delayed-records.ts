import { type DelayedMessage, delayTierFor, metadataHeaders } from "@waybill/core/spi";
import type { IncomingRecord, OutgoingRecord } from "../mapping.ts";

export const delayHeaders = {
  /** When to deliver, milliseconds since the epoch. */
  due: "waybill-kafka-due",
  /** The topic to deliver to. */
  to: "waybill-kafka-to",
  /** When to try again what its topic did not take when it was due. */
  again: "waybill-kafka-again",
  /** Since when its topic has been missing at every try. */
  missing: "waybill-kafka-missing",
} as const;

const ofTheWait: ReadonlySet<string> = new Set(Object.values(delayHeaders));
const ofTheTry: ReadonlySet<string> = new Set([delayHeaders.again, delayHeaders.missing]);

/** A record made ready to wait until `dueAt`, milliseconds since the epoch. */
export function delayed(record: OutgoingRecord, to: string, dueAt: number): OutgoingRecord {
  return {
    ...record,
    timestamp: Date.now(),
    headers: [
      ...record.headers,
      // In a tier, and where it goes from there, the record's own time is that of the step.
      ...(record.headers.some((text, i) => i % 2 === 0 && text === metadataHeaders.timestamp)
        ? []
        : [metadataHeaders.timestamp, String(record.timestamp)]),
      delayHeaders.due,
      // One more, since both clocks cut off what is below a millisecond.
      String(Math.ceil(dueAt) + 1),
      delayHeaders.to,
      to,
    ],
  };
}

/**
 * Reads a record of a delay topic. One that says nothing of its delay is due at once, and goes
 * to `home`, as does one for a topic that is not derived from it: a header is not to lead a
 * message to any topic there is.
 */
export function readDelayed(record: IncomingRecord, home: string): DelayedMessage<OutgoingRecord> {
  let due = 0;
  let again = 0;
  let to = home;
  let missingSince: number | undefined;
  const headers = record.headers();
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] as string;
    switch (headers[i]) {
      case delayHeaders.due:
        due = Number(value) || 0;
        break;
      case delayHeaders.to:
        to = value;
        break;
      case delayHeaders.again:
        again = Number(value) || 0;
        break;
      case delayHeaders.missing:
        missingSince = Number(value) || undefined;
        break;
    }
  }
  return {
    message: {
      key: record.key,
      value: record.value ?? Buffer.alloc(0),
      timestamp: record.timestamp,
      headers,
    },
    dueAt: again || due,
    enteredAt: record.timestamp,
    destination: to === home || to.startsWith(`${home}..`) ? to : home,
    missingSince,
  };
}

/** As it is to be delivered: without what it carried while it waited. */
export function released(record: OutgoingRecord): OutgoingRecord {
  return { ...record, timestamp: Date.now(), headers: without(record.headers, ofTheWait) };
}

/** To be tried again at this time; with since when its topic is missing, if it is. */
export function postponed(
  record: OutgoingRecord,
  until: number,
  missingSince: number | undefined,
): OutgoingRecord {
  const headers = [...without(record.headers, ofTheTry), delayHeaders.again, String(until)];
  if (missingSince !== undefined) headers.push(delayHeaders.missing, String(missingSince));
  return { ...record, headers };
}

/** The tier of a record that `delayed` has made, where there are so many. */
export function tierOfRecord(record: OutgoingRecord, tiers: number): number {
  const at = record.headers.lastIndexOf(delayHeaders.due);
  return delayTierFor(Number(record.headers[at + 1]) - record.timestamp, tiers);
}

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.has(headers[i] as string)) kept.push(headers[i] as string, headers[i + 1] as string);
  }
  return kept;
}
