/**
 * Turns values into bytes and back. It knows of no destination: what it throws (a `TypeError` for a value
 * of another type, in this package) is the cause of the `MessagingError` with which a call is refused.
 */
export interface Codec<T> {
  /** The media type that travels with the body. */
  readonly contentType: string;
  /** @throws anything for a value that it cannot hold; the publish is then refused as `SERIALIZATION_FAILED`. */
  encode(value: T): Uint8Array;
  /**
   * Reads the bytes, which are its own: it may change them, and keep them in what it returns.
   * @throws anything when the bytes are not of this codec; the message is then dead-lettered as `DECODE_FAILED`.
   */
  decode(body: Uint8Array): T;
}

const encoder = new TextEncoder();
// `fatal`: bytes that are not UTF-8 are an error, not a question mark in somebody's data.
// `ignoreBOM: true` keeps a leading U+FEFF, since it is part of the text that was sent.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * JSON, the default. A value that JSON has no form for is refused: `undefined`, a
 * function, anything with a `BigInt` or a cycle in it. Members of objects that are
 * `undefined` are left out, as JSON does.
 *
 * A publish also refuses what JSON would change on the way (a Date, Map or Set, NaN, an
 * instance of a class), unless the contract's schema takes what becomes of it: publish plain
 * data, and dates as ISO strings.
 */
export const json: Codec<unknown> = {
  contentType: "application/json",
  encode(value) {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`JSON has no form for ${typeof value}`);
    return encoder.encode(text);
  },
  decode: (body) => JSON.parse(decodedText("json", body)),
};

/** UTF-8 text. Half a surrogate pair is refused: `toWellFormed()` replaces it. */
export const text: Codec<string> = {
  contentType: "text/plain; charset=utf-8",
  encode(value) {
    if (typeof value !== "string") throw new TypeError(`text takes a string, not ${typeof value}`);
    // It would be stored as another text, with U+FFFD in its place.
    if (!value.isWellFormed()) throw new TypeError("it holds half a surrogate pair, which UTF-8 cannot");
    return encoder.encode(value);
  },
  decode: (body) => decodedText("text", body),
};

/** Bytes as they are. They are copied when they are published and when they are received. */
export const bytes: Codec<Uint8Array> = {
  contentType: "application/octet-stream",
  encode(value) {
    if (!(value instanceof Uint8Array)) throw new TypeError(`bytes takes a Uint8Array, not ${typeof value}`);
    return value;
  },
  decode: (body) => body,
};

/** Refuses also what a program without types hands a codec: of nothing at all the decoder makes an empty text. */
function decodedText(codec: string, body: Uint8Array): string {
  if (!ArrayBuffer.isView(body))
    throw new TypeError(`${codec} reads a Uint8Array, not ${body === null ? "null" : typeof body}`);
  return decoder.decode(body);
}
