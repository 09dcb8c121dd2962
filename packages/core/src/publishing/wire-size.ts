import type { WireMessage } from "../spi/message.ts";

/** The length of a string in UTF-8, without encoding it. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is two units and four bytes, so each half counts for two.
    bytes += unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}

/** Names and values of all headers, in bytes. */
export function headerBytes(headers: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const name in headers) bytes += utf8Length(name) + utf8Length(headers[name] as string);
  return bytes;
}

/** What `limits.messageBytes` is about: body, key and headers. */
export function wireSize(message: Pick<WireMessage, "body" | "key" | "headers">): number {
  return (
    message.body.byteLength +
    (message.key === undefined ? 0 : utf8Length(message.key)) +
    headerBytes(message.headers)
  );
}
