import { json } from "../api/codec.ts";
import type { AnyPayload } from "../api/contract.ts";
import { thrownText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { atOnce } from "../runtime/at-once.ts";
import { bodyCopy } from "./body-copy.ts";
import { decodeBody } from "./decode.ts";
import { findJsonLoss, holdsUnencodable, survivesJson } from "./json-survival.ts";
import { refusesAbsence } from "./undefined-members.ts";
import { type Validated, validate } from "./validate.ts";

/**
 * Encodes a value that has passed its schema.
 * @throws MessagingError `SERIALIZATION_FAILED`, also for what a consumer of the same contract could not read
 */
export function encodeBody(payload: AnyPayload, value: unknown, destination: string): Uint8Array {
  try {
    const body: unknown = payload.codec.encode(value);
    // Bytes that the application goes on to use are not what is sent: they are copied.
    if (body === value && body instanceof Uint8Array) return bodyCopy(body);
    if (!(body instanceof Uint8Array)) {
      atOnce(body);
      throw new TypeError("the codec made no Uint8Array of it");
    }
    if (payload.codec.encode === json.encode && !survivesJson(value, payload.schema !== undefined))
      checkReadable(payload, value, body, destination);
    return body;
  } catch (cause) {
    if (MessagingError.isInstance(cause)) throw cause;
    throw new MessagingError(
      "SERIALIZATION_FAILED",
      `The value for "${destination}" cannot be encoded as ${payload.codec.contentType}: ${thrownText(cause)}.`,
      { remedy: "Publish what the codec can hold, or give the contract another codec.", cause },
    );
  }
}

/**
 * JSON changes this value. That is as it should be where the contract's schema takes what
 * becomes of it (a coerced date, say); else no consumer would get what was published.
 */
function checkReadable(payload: AnyPayload, value: unknown, body: Uint8Array, destination: string): void {
  const undefinedOnly = survivesJson(value);
  const isTaken = undefinedOnly
    ? !refusesAbsence(payload, value, body, destination)
    : payload.schema !== undefined && isReadable(payload, value, body, destination);
  if (isTaken) return;
  const loss = findJsonLoss(value, undefinedOnly);
  const { path, what, remedy } = loss ?? { path: "", what: "a part of it", remedy: "Publish plain data." };
  throw new MessagingError(
    "SERIALIZATION_FAILED",
    `The value for "${destination}" would not arrive as it is: JSON has no form for ${what}${path === "" ? "" : ` at "${path}"`}.`,
    { remedy, details: { path, what } },
  );
}

function isReadable(payload: AnyPayload, value: unknown, body: Uint8Array, destination: string): boolean {
  try {
    const published = checkedAtOnce(payload, value, destination);
    const received = checkedAtOnce(payload, decodeBody(payload, body), destination);
    if (published === undefined || received === undefined) return false;
    // A schema that takes anything also takes the nothing that JSON makes of a Map.
    return !holdsUnencodable(published.value) || holdsUnencodable(received.value);
  } catch {
    return false;
  }
}

/** What cannot be told at once is not taken for a pass. */
function checkedAtOnce(payload: AnyPayload, value: unknown, destination: string): Validated | undefined {
  const result = validate(payload, value, destination);
  if (!(result instanceof Promise)) return result;
  result.catch(() => {});
  return undefined;
}
