import { bytes, json, text } from "../api/codec.ts";
import type { AnyPayload } from "../api/contract.ts";
import { atOnce } from "../runtime/at-once.ts";
import { bodyCopy } from "./body-copy.ts";

/** For replies: core looks at the message itself, and nobody else is given its bytes. */
export const unread: AnyPayload = { schema: undefined, codec: { ...bytes, decode: (body) => body } };

/** These need no copy: they only read, and what they return is not the bytes themselves, or goes to nobody. */
const readers = new Set<unknown>([json.decode, text.decode, unread.codec.decode]);

/**
 * Makes values of bodies, which no schema has seen yet. A codec that may change or return the bytes
 * gets a copy of its own: they are still needed for a retry, a dead-lettered copy or another group.
 */
export class BodyDecoder {
  readonly #codec: AnyPayload["codec"];
  readonly #copies: boolean;

  constructor({ codec }: AnyPayload) {
    this.#codec = codec;
    this.#copies = !readers.has(codec.decode);
  }

  /** @throws whatever the codec throws, and a TypeError where it answers with a promise */
  decode(body: Uint8Array): unknown {
    return atOnce(this.#codec.decode(this.#copies ? bodyCopy(body) : body));
  }
}

/** As `BodyDecoder`, for a single body. */
export function decodeBody(payload: AnyPayload, body: Uint8Array): unknown {
  return new BodyDecoder(payload).decode(body);
}
