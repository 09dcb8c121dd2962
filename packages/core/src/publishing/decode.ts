import { bytes, json, text } from "../api/codec.ts";
import type { AnyPayload } from "../api/contract.ts";
import { atOnce } from "../runtime/at-once.ts";
import { bodyCopy } from "./body-copy.ts";

/** For replies: core looks at the message itself, and nobody else is given its bytes. */
export const unread: AnyPayload = { schema: undefined, codec: { ...bytes, decode: (body) => body } };

/** These need no copy: they only read, and what they return is not the bytes themselves, or goes to nobody. */
const readers = new Set<unknown>([json.decode, text.decode, unread.codec.decode]);

/**
 * The value of a body, which no schema has seen yet. A codec that may change or return the bytes
 * gets a copy of its own: they are still needed for a retry, a dead-lettered copy or another group.
 * @throws whatever the codec throws, and a TypeError where it answers with a promise
 */
export function decodeBody({ codec }: AnyPayload, body: Uint8Array): unknown {
  return atOnce(codec.decode(readers.has(codec.decode) ? body : bodyCopy(body)));
}
