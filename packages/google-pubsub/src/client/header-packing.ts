import { isAscii } from "node:buffer";

/**
 * An attribute's name has at most 256 bytes and its value 1024, a message at most
 * 100 attributes (https://cloud.google.com/pubsub/quotas#resource_limits). Headers
 * that do not fit travel together, cut into as many values as they take:
 *
 *     waybill-packed, waybill-packed-1, … = <name length>:<value length>:<name><value>…
 *
 * Lengths are in UTF-16 units.
 */
export const packedName = "waybill-packed";

const nameBytes = 256;
const valueBytes = 1_024;
const mostAttributes = 100;
/** The most headers of an application's message, so that the largest allowed ones fit however they are made up. */
export const mostHeaders = 1_000;
/** What core may add to these, on retries and dead-lettered messages. */
const mostOfCore = 40;

export type Attributes = Record<string, string>;

/** Writes headers into attributes that hold the metadata already. False: there are too many of them. */
export function writeHeaders(attributes: Attributes, headers: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(headers);
  if (names.length === 0) return true;
  if (names.length > mostHeaders + mostOfCore) return false;
  let packed = "";
  const fitting: string[] = [];
  for (const name of names) {
    if (fits(name, headers[name] as string)) fitting.push(name);
    else packed += entry(name, headers[name] as string);
  }
  const free = mostAttributes - Object.keys(attributes).length;
  if (fitting.length + pieces(packed) > free) {
    // Too many for a place of their own each: the last ones are packed too, until the rest has room.
    while (fitting.length > 0 && fitting.length + pieces(packed) > free) {
      const name = fitting.pop() as string;
      packed += entry(name, headers[name] as string);
    }
  }
  for (const name of fitting) attributes[name] = headers[name] as string;
  if (packed === "") return true;
  const values = cut(packed);
  if (fitting.length + values.length > free) return false;
  values.forEach((value, index) => {
    attributes[pieceName(index)] = value;
  });
  return true;
}

/** Adds what was packed. What others wrote there and cannot be read is left out. */
export function readPacked(attributes: Readonly<Attributes>, headers: Attributes): void {
  let packed = "";
  for (let index = 0; ; index++) {
    const piece = attributes[pieceName(index)];
    if (piece === undefined) break;
    packed += piece;
  }
  const lengths = /(\d{1,4}):(\d{1,7}):/y;
  for (let at = 0; at < packed.length; ) {
    lengths.lastIndex = at;
    const found = lengths.exec(packed);
    if (found === null) return;
    const name = lengths.lastIndex;
    const value = name + Number(found[1]);
    at = value + Number(found[2]);
    if (at > packed.length) return;
    headers[packed.slice(name, value)] = packed.slice(value, at);
  }
}

export function isPacked(name: string): boolean {
  return name.startsWith(packedName);
}

function fits(name: string, value: string): boolean {
  // A UTF-16 unit is three bytes at most, which settles it for nearly all.
  return (
    name !== "" &&
    (name.length * 3 <= nameBytes || Buffer.byteLength(name) <= nameBytes) &&
    (value.length * 3 <= valueBytes || Buffer.byteLength(value) <= valueBytes) &&
    !/^goog/i.test(name) &&
    // No field that a plain object can have.
    name !== "__proto__"
  );
}

const entry = (name: string, value: string) => `${name.length}:${value.length}:${name}${value}`;

const pieceName = (index: number) => (index === 0 ? packedName : `${packedName}-${index}`);

/** No more than this many values; a few more than the bytes say, since no character is cut in two. */
const pieces = (packed: string) =>
  packed === "" ? 0 : Math.ceil(Buffer.byteLength(packed) / (valueBytes - 3));

/** Cuts between characters, so that each piece is well-formed and not too long. */
function cut(packed: string): string[] {
  const bytes = Buffer.from(packed);
  if (bytes.length <= valueBytes) return [packed];
  const ascii = isAscii(bytes);
  const values: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    let end = Math.min(bytes.length, start + valueBytes);
    // A byte 10xxxxxx goes on with a character that began before it.
    while (!ascii && end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end--;
    values.push(bytes.toString("utf8", start, end));
    start = end;
  }
  return values;
}
