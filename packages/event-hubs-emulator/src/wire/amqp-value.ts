/**
 * Finding one's way in encoded AMQP values without decoding them.
 *
 * A constructor byte says by its high half how long the value is (AMQP 1.0, part
 * 1.2: fixed widths of 0, 1, 2, 4, 8 and 16 bytes, or a size of 1 or 4 bytes).
 */

/** Bytes that do not make sense as AMQP. */
export class MalformedValue extends Error {
  override name = "MalformedValue";
}

const MAX_DESCRIPTORS = 16;

/** Where the value that begins at `start` ends. */
export function endOfValue(bytes: Buffer, start: number): number {
  let position = start;
  for (let descriptors = 0; bytes[position] === 0x00; descriptors++) {
    if (descriptors === MAX_DESCRIPTORS) throw new MalformedValue("Too many descriptors on one value");
    position = endOfPlainValue(bytes, position + 1);
  }
  return endOfPlainValue(bytes, position);
}

function endOfPlainValue(bytes: Buffer, start: number): number {
  const end = start + 1 + widthOf(bytes, start);
  if (end > bytes.length) throw new MalformedValue("A value ends beyond its frame");
  return end;
}

function widthOf(bytes: Buffer, start: number): number {
  const code = bytes[start];
  if (code === undefined) throw new MalformedValue("A value is missing");
  switch (code >> 4) {
    case 0x4:
      return 0;
    case 0x5:
      return 1;
    case 0x6:
      return 2;
    case 0x7:
      return 4;
    case 0x8:
      return 8;
    case 0x9:
      return 16;
    case 0xa:
    case 0xc:
    case 0xe:
      return 1 + byteAt(bytes, start + 1);
    case 0xb:
    case 0xd:
    case 0xf:
      return 4 + wordAt(bytes, start + 1);
    default:
      throw new MalformedValue(`0x${code.toString(16)} is not an AMQP constructor`);
  }
}

function byteAt(bytes: Buffer, position: number): number {
  const value = bytes[position];
  if (value === undefined) throw new MalformedValue("A size is missing");
  return value;
}

function wordAt(bytes: Buffer, position: number): number {
  if (position + 4 > bytes.length) throw new MalformedValue("A size is missing");
  return bytes.readUInt32BE(position);
}

/** The text of a string, symbol or binary value, or undefined for any other. */
export function textAt(bytes: Buffer, start: number): string | undefined {
  const content = contentAt(bytes, start);
  return content?.toString("utf8");
}

/** The bytes of a string, symbol or binary value, or undefined for any other. */
export function contentAt(bytes: Buffer, start: number): Buffer | undefined {
  const code = bytes[start];
  const end = endOfValue(bytes, start);
  if (code === 0xa0 || code === 0xa1 || code === 0xa3) return bytes.subarray(start + 2, end);
  if (code === 0xb0 || code === 0xb1 || code === 0xb3) return bytes.subarray(start + 5, end);
  return undefined;
}

/** Where the entries of the map at `start` begin and how many items (keys and values) it has. */
export function mapAt(bytes: Buffer, start: number): { begin: number; end: number; items: number } {
  const end = endOfValue(bytes, start);
  if (bytes[start] === 0xc1 && end >= start + 3) {
    return { begin: start + 3, end, items: byteAt(bytes, start + 2) };
  }
  if (bytes[start] === 0xd1 && end >= start + 9) {
    return { begin: start + 9, end, items: wordAt(bytes, start + 5) };
  }
  throw new MalformedValue("A map was expected");
}
