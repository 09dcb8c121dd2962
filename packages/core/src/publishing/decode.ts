import type { AnyPayload } from "../api/contract.ts";
import { atOnce } from "../runtime/at-once.ts";

/**
 * The value of a body, which no schema has seen yet.
 * @throws whatever the codec throws, and a TypeError where it answers with a promise
 */
export function decodeBody({ codec }: AnyPayload, body: Uint8Array): unknown {
  return atOnce(codec.decode(body));
}
