import { utf8Length } from "../runtime/utf8-length.ts";
import type { WireMessage } from "./message.ts";

/** Names and values of all headers, in bytes, and what the broker adds to each. */
export function headerBytes(headers: Readonly<Record<string, string>>, overheadBytes = 0): number {
  let bytes = 0;
  for (const name in headers) bytes += utf8Length(name) + utf8Length(headers[name] as string) + overheadBytes;
  return bytes;
}

/** What `limits.messageBytes` is about: body, key and headers. */
export function wireSize(
  message: Pick<WireMessage, "body" | "key" | "headers">,
  headerOverheadBytes = 0,
): number {
  return (
    message.body.byteLength +
    (message.key === undefined ? 0 : utf8Length(message.key)) +
    headerBytes(message.headers, headerOverheadBytes)
  );
}
