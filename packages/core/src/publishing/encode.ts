import { json, text } from "../api/codec.ts";
import type { AnyPayload } from "../api/contract.ts";
import { thrownText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { atOnce } from "../runtime/at-once.ts";
import { bodyCopy } from "./body-copy.ts";
import { findUnencodable, type JsonLoss } from "./json-loss.ts";
import { isRefusedBySchema } from "./validate.ts";

/** These make bytes that nobody else has. */
const makers = new Set<unknown>([json.encode, text.encode]);

/**
 * The bytes of a value, and nobody else's.
 * @throws MessagingError `SERIALIZATION_FAILED`
 */
export function bytesOf(payload: AnyPayload, value: unknown, destination: string): Uint8Array {
  const { codec } = payload;
  try {
    const body: unknown = codec.encode(value);
    if (!(body instanceof Uint8Array)) {
      atOnce(body);
      throw new TypeError("the codec made no Uint8Array of it");
    }
    // What a codec may have of the value, or use for the next one, is not what is sent: it is copied.
    return makers.has(codec.encode) ? body : bodyCopy(body);
  } catch (cause) {
    const loss = codec.encode === json.encode ? unencodableIn(value) : undefined;
    throw loss === undefined ? notEncodable(payload, destination, cause) : lossError(loss, destination);
  }
}

/** `undefined` also where looking for it throws, as encoding did. */
function unencodableIn(value: unknown): JsonLoss | undefined {
  try {
    return findUnencodable(value);
  } catch {
    return undefined;
  }
}

/** The error for a value that its codec cannot hold, or what says better why it is refused. */
export function notEncodable({ codec }: AnyPayload, destination: string, cause: unknown): MessagingError {
  if (MessagingError.isInstance(cause)) return cause;
  // Of what a runtime draws over several lines, the first says what is wrong.
  const [why] = thrownText(cause).split("\n", 1);
  return new MessagingError(
    "SERIALIZATION_FAILED",
    `The value for "${destination}" cannot be encoded as ${codec.contentType}: ${why}.`,
    { remedy: "Publish what the codec can hold, or give the contract another codec.", cause },
  );
}

/** The error for a value that no consumer would get as it is. */
export function lossError(loss: JsonLoss | undefined, destination: string): MessagingError {
  const { path, what, remedy } = loss ?? { path: "", what: "a part of it", remedy: "Publish plain data." };
  return new MessagingError(
    "SERIALIZATION_FAILED",
    `The value for "${destination}" would not arrive as it is: JSON has no form for ${what}${path === "" ? "" : ` at "${path}"`}.`,
    { remedy, details: { path, what } },
  );
}

/** The error for a value that its own contract could not read, with what said so as its cause. */
export function unreadableError(destination: string, cause: unknown): MessagingError {
  const why = isRefusedBySchema(cause)
    ? "its schema refuses what its codec decodes"
    : "its codec does not decode what it encodes";
  return new MessagingError(
    "SERIALIZATION_FAILED",
    `The value for "${destination}" could not be read by a consumer: ${why}.`,
    {
      remedy: "Let the codec's `decode` return what the schema takes, or the schema take what it returns.",
      cause,
    },
  );
}
