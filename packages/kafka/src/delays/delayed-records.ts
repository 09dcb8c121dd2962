import {
  type DelayedMessage,
  delayTierFor,
  durationIn,
  durationText,
  metadataHeaders,
  type WaitingMessage,
} from "@waybill/core/spi";
import type { IncomingRecord, OutgoingRecord } from "../mapping.ts";

export const delayHeaders = {
  /** How long it waits, from when it entered its tier on, in milliseconds. */
  wait: "waybill-kafka-wait",
  /** The topic to deliver to. */
  to: "waybill-kafka-to",
  /** For how long its topic will have been missing at every try, once its wait is over; in milliseconds. */
  missing: "waybill-kafka-missing",
  /** Marks a record that was stored only to learn what the broker's clock shows. */
  clock: "waybill-kafka-clock",
} as const;

const ofDelays: ReadonlySet<string> = new Set(Object.values(delayHeaders));
const ofTheWait: ReadonlySet<string> = new Set([delayHeaders.wait, delayHeaders.missing]);

/** A record made ready to wait so many milliseconds. Its own time counts only where the broker does not set one. */
export function delayed(record: OutgoingRecord, to: string, waitMs: number): OutgoingRecord {
  return {
    ...record,
    timestamp: Date.now(),
    headers: [
      ...record.headers,
      // In a tier, and where it goes from there, the record's own time is that of the step.
      ...(record.headers.some((text, i) => i % 2 === 0 && text === metadataHeaders.timestamp)
        ? []
        : [metadataHeaders.timestamp, String(record.timestamp)]),
      delayHeaders.wait,
      durationText(waitMs),
      delayHeaders.to,
      to,
    ],
  };
}

/** A record to be stored only to learn what the broker's clock shows. */
export function clockRecord(): OutgoingRecord {
  return { key: null, value: Buffer.alloc(0), timestamp: Date.now(), headers: [delayHeaders.clock, "1"] };
}

/**
 * Reads a record of a delay topic. One that says nothing of its delay is due at once, and goes
 * to `home`, as does one for a topic that is not derived from it: a header is not to lead a
 * message to any topic there is.
 */
export function readDelayed(record: IncomingRecord, home: string): DelayedMessage<OutgoingRecord> {
  let waitMs = 0;
  let to: string | undefined;
  let missingMs: number | undefined;
  let isOfClock = false;
  const headers = record.headers();
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] as string;
    switch (headers[i]) {
      case delayHeaders.wait:
        waitMs = durationIn(value) ?? 0;
        break;
      case delayHeaders.to:
        to = value;
        break;
      case delayHeaders.missing:
        missingMs = durationIn(value);
        break;
      case delayHeaders.clock:
        isOfClock = true;
        break;
    }
  }
  return {
    message: {
      key: record.key,
      value: record.value ?? Buffer.alloc(0),
      timestamp: Math.max(0, record.timestamp) + waitMs,
      headers,
    },
    waitMs,
    enteredAt: record.timestamp >= 0 ? record.timestamp : undefined,
    destination:
      to === undefined && isOfClock
        ? undefined
        : to !== undefined && (to === home || to.startsWith(`${home}..`))
          ? to
          : home,
    missingMs,
  };
}

/**
 * As it is to be delivered: without what it carried while it waited. Its own time is when it was
 * due by the broker's clock, never later than by this one's: brokers refuse times in the future.
 */
export function released(record: OutgoingRecord): OutgoingRecord {
  return {
    ...record,
    timestamp: Math.min(record.timestamp, Date.now()),
    headers: without(record.headers, ofDelays),
  };
}

/** To wait on in another tier, so long. */
export function keptWaiting({ message, waitMs, missingMs }: WaitingMessage<OutgoingRecord>): OutgoingRecord {
  const headers = [...without(message.headers, ofTheWait), delayHeaders.wait, durationText(waitMs)];
  if (missingMs !== undefined) headers.push(delayHeaders.missing, String(Math.round(missingMs)));
  return { ...message, timestamp: Date.now(), headers };
}

/** The tier of a record that `delayed` has made, where there are so many. */
export function tierOfRecord(record: OutgoingRecord, tiers: number): number {
  const at = record.headers.lastIndexOf(delayHeaders.wait);
  return delayTierFor(Number(record.headers[at + 1]), tiers);
}

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.has(headers[i] as string)) kept.push(headers[i] as string, headers[i + 1] as string);
  }
  return kept;
}
