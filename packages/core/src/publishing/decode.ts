import { json, text } from "../api/codec.ts";
import type { AnyPayload } from "../api/contract.ts";
import { atOnce } from "../runtime/at-once.ts";

/** These only read, and nothing of what they return is the bytes themselves. */
const readers = new Set<unknown>([json.decode, text.decode]);

/**
 * The value of a body, which no schema has seen yet. A codec that may change or return the bytes
 * gets a copy of its own: they are still needed for a retry, a dead-lettered copy or another group.
 * @throws whatever the codec throws, and a TypeError where it answers with a promise
 */
export function decodeBody({ codec }: AnyPayload, body: Uint8Array): unknown {
  return atOnce(codec.decode(readers.has(codec.decode) ? body : new Uint8Array(body)));
}
