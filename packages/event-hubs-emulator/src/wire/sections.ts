import { endOfValue, MalformedValue, textAt } from "./amqp-value.ts";

/** The sections of a bare message, by the numeric descriptor of AMQP 1.0, part 3.2. */
export const SECTION = {
  header: 0x70,
  deliveryAnnotations: 0x71,
  messageAnnotations: 0x72,
  properties: 0x73,
  applicationProperties: 0x74,
  data: 0x75,
  sequence: 0x76,
  value: 0x77,
  footer: 0x78,
} as const;

/** One section: `[begin, end)` with its descriptor, the value alone from `value`. */
export interface Section {
  readonly code: number;
  readonly begin: number;
  readonly value: number;
  readonly end: number;
}

/** The sections of an encoded message in their order. */
export function* sectionsOf(message: Buffer): Generator<Section> {
  let position = 0;
  while (position < message.length) {
    if (message[position] !== 0x00) throw new MalformedValue("A section must have a descriptor");
    const value = endOfValue(message, position + 1);
    const end = endOfValue(message, value);
    yield { code: descriptorAt(message, position + 1), begin: position, value, end };
    position = end;
  }
}

function descriptorAt(message: Buffer, position: number): number {
  switch (message[position]) {
    case 0x53:
      return message[position + 1] ?? 0;
    case 0x80:
      return Number(message.readBigUInt64BE(position + 1));
    default:
      return SYMBOLIC[textAt(message, position) ?? ""] ?? unknownSection();
  }
}

function unknownSection(): never {
  throw new MalformedValue("A section of a message is of no known kind");
}

const SYMBOLIC: Readonly<Record<string, number>> = {
  __proto__: null as never,
  "amqp:header:list": SECTION.header,
  "amqp:delivery-annotations:map": SECTION.deliveryAnnotations,
  "amqp:message-annotations:map": SECTION.messageAnnotations,
  "amqp:properties:list": SECTION.properties,
  "amqp:application-properties:map": SECTION.applicationProperties,
  "amqp:data:binary": SECTION.data,
  "amqp:amqp-sequence:list": SECTION.sequence,
  "amqp:value:*": SECTION.value,
  "amqp:footer:map": SECTION.footer,
};
