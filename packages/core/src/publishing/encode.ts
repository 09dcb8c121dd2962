import { json, text } from "../api/codec.ts";
import type { AnyPayload } from "../api/contract.ts";
import { thrownText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { atOnce } from "../runtime/at-once.ts";
import { bodyCopy } from "./body-copy.ts";
import { decodeBody } from "./decode.ts";
import { findJsonLoss, holdsUnencodable, type JsonLoss, survivesJson } from "./json-survival.ts";
import { refusesAbsence } from "./undefined-members.ts";
import { type Validated, validate } from "./validate.ts";

/** These make bytes that nobody else has. */
const makers = new Set<unknown>([json.encode, text.encode]);

/**
 * The bytes of a value that has passed its schema.
 * @throws MessagingError `SERIALIZATION_FAILED`, also for what a consumer of the same contract could not read
 */
export function encodeBody(payload: AnyPayload, value: unknown, destination: string): Uint8Array {
  const body = bytesOf(payload, value, destination);
  if (payload.codec.encode !== json.encode) return body;
  try {
    if (!survivesJson(value, payload.schema !== undefined)) checkReadable(payload, value, body, destination);
  } catch (cause) {
    throw notEncodable(payload, destination, cause);
  }
  return body;
}

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
    throw notEncodable(payload, destination, cause);
  }
}

function notEncodable({ codec }: AnyPayload, destination: string, cause: unknown): MessagingError {
  if (MessagingError.isInstance(cause)) return cause;
  return new MessagingError(
    "SERIALIZATION_FAILED",
    `The value for "${destination}" cannot be encoded as ${codec.contentType}: ${thrownText(cause)}.`,
    { remedy: "Publish what the codec can hold, or give the contract another codec.", cause },
  );
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
  throw lossError(findJsonLoss(value, undefinedOnly), destination);
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
