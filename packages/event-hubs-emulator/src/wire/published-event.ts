import { contentAt, endOfValue, MalformedValue, mapAt, textAt } from "./amqp-value.ts";
import { SECTION, sectionsOf } from "./sections.ts";

/** The message format with which clients send many events in one message, each encoded in a data section. */
const BATCH_FORMAT = 0x80013700;

/** An event as a client sent it, cut where the service's own annotations go in. */
export interface PublishedEvent {
  /** The header section, empty when there is none. */
  readonly header: Buffer;
  /** Encoded keys and values of the client's message annotations, without those the service sets. */
  readonly annotations: readonly Buffer[];
  /** How many keys and values `annotations` holds. */
  readonly annotationItems: number;
  /** Everything after the annotations. */
  readonly rest: Buffer;
}

/** What one transfer carries: the events, and the key that chooses their partition. */
export interface Publication {
  readonly events: readonly PublishedEvent[];
  readonly partitionKey: string | undefined;
}

const PARTITION_KEY = "x-opt-partition-key";
const SET_BY_SERVICE = new Set(["x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time"]);

/** Takes a transfer apart. Throws {@link MalformedValue} when it is no message. */
export function readPublication(format: number, message: Buffer): Publication {
  if (format === 0) {
    const { event, partitionKey } = readEvent(message);
    return { events: [event], partitionKey };
  }
  if (format !== BATCH_FORMAT) throw new MalformedValue(`The message format ${format} is not known`);
  return readBatch(message);
}

function readBatch(batch: Buffer): Publication {
  const events: PublishedEvent[] = [];
  let partitionKey: string | undefined;
  for (const section of sectionsOf(batch)) {
    if (section.code === SECTION.messageAnnotations) {
      partitionKey = readAnnotations(batch, section.value).partitionKey;
    } else if (section.code === SECTION.data) {
      const content = contentAt(batch, section.value);
      if (content === undefined) throw new MalformedValue("A data section must be binary");
      const inner = readEvent(content);
      partitionKey ??= inner.partitionKey;
      events.push(inner.event);
    }
  }
  return { events, partitionKey };
}

function readEvent(message: Buffer): { event: PublishedEvent; partitionKey: string | undefined } {
  let header = message.subarray(0, 0);
  let rest = 0;
  let annotations: Annotations = { encoded: [], items: 0, partitionKey: undefined };
  for (const section of sectionsOf(message)) {
    if (section.code === SECTION.header) header = message.subarray(section.begin, section.end);
    else if (section.code === SECTION.messageAnnotations)
      annotations = readAnnotations(message, section.value);
    else if (section.code !== SECTION.deliveryAnnotations) continue;
    rest = section.end;
  }
  const event: PublishedEvent = {
    header,
    annotations: annotations.encoded,
    annotationItems: annotations.items,
    rest: message.subarray(rest),
  };
  return { event, partitionKey: annotations.partitionKey };
}

interface Annotations {
  readonly encoded: Buffer[];
  readonly items: number;
  readonly partitionKey: string | undefined;
}

function readAnnotations(message: Buffer, start: number): Annotations {
  const map = mapAt(message, start);
  if (map.items % 2 !== 0) throw new MalformedValue("A map must have a value for every key");
  const encoded: Buffer[] = [];
  let partitionKey: string | undefined;
  let position = map.begin;
  for (let item = 0; item < map.items; item += 2) {
    const value = endOfValue(message, position);
    const end = endOfValue(message, value);
    const name = textAt(message, position);
    if (name === PARTITION_KEY) partitionKey = textAt(message, value);
    if (name === undefined || !SET_BY_SERVICE.has(name)) encoded.push(message.subarray(position, end));
    position = end;
  }
  if (position > map.end) throw new MalformedValue("A map ends before its entries do");
  return { encoded, items: encoded.length * 2, partitionKey };
}
