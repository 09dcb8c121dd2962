import { json } from "../api/codec.ts";
import type { AnyPayload } from "../api/contract.ts";
import { thrownText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { decodeBody } from "./decode.ts";
import { bytesOf, encodeBody, lossError } from "./encode.ts";
import { findJsonLoss, holdsUnencodable } from "./json-survival.ts";
import { type Validated, validate } from "./validate.ts";

/** Schemas that have answered with a promise. */
const asynchronous = new WeakSet<object>();

/** The bytes of a value as it was when it was published. */
export interface CheckedBody {
  readonly body: Uint8Array;
  /** Where the schema takes its time: rejects with its refusal. It is no unhandled rejection. */
  readonly checked: Promise<void> | undefined;
}

/**
 * Encodes a value as it is now, whatever its owner does with it later. A schema that takes its time
 * is asked about what a consumer will decode, so what was validated is what is stored.
 * @throws MessagingError `VALIDATION_FAILED`, `SERIALIZATION_FAILED`
 */
export function checkedBody(payload: AnyPayload, value: unknown, destination: string): CheckedBody {
  let validated: Promise<Validated> | undefined;
  if (!isAsynchronous(payload)) {
    const answer = validate(payload, value, destination);
    if (!(answer instanceof Promise))
      return { body: encodeBody(payload, value, destination), checked: undefined };
    answer.catch(ignore);
    validated = answer;
    asynchronous.add(payload.schema as object);
  }
  const body = bytesOf(payload, value, destination);
  const checked = check(payload, value, body, destination, validated);
  checked.catch(ignore);
  return { body, checked };
}

/** Whether the schema is one that takes its time. */
export function isAsynchronous({ schema }: AnyPayload): boolean {
  return schema !== undefined && asynchronous.has(schema);
}

/** All of it that looks at the value runs before the first `await`. */
async function check(
  payload: AnyPayload,
  value: unknown,
  body: Uint8Array,
  destination: string,
  validated: Promise<Validated> | undefined,
): Promise<void> {
  const isJson = payload.codec.encode === json.encode;
  const loss = isJson ? (findJsonLoss(value) ?? findJsonLoss(value, true)) : undefined;
  const stored = answerOf(() => validate(payload, readBack(payload, body, destination), destination));
  if (loss === undefined) return void (await stored);
  // JSON changes this value, which is as it should be where the schema takes what becomes of it.
  const published = await (validated ?? answerOf(() => validate(payload, value, destination)));
  let received: Validated;
  try {
    received = await stored;
  } catch {
    throw lossError(loss, destination);
  }
  // A schema that takes anything also takes the nothing that JSON makes of a Map.
  if (holdsUnencodable(published.value) && !holdsUnencodable(received.value))
    throw lossError(loss, destination);
}

function readBack(payload: AnyPayload, body: Uint8Array, destination: string): unknown {
  try {
    return decodeBody(payload, body);
  } catch (cause) {
    throw new MessagingError(
      "SERIALIZATION_FAILED",
      `The codec of "${destination}" cannot decode what it has encoded: ${thrownText(cause)}.`,
      { remedy: "Give the contract a codec that reads what it writes.", cause },
    );
  }
}

/** What is thrown is a rejection, and one that nobody has to hear. */
function answerOf<T>(work: () => T | Promise<T>): Promise<T> {
  const answer = new Promise<T>((resolve) => resolve(work()));
  answer.catch(ignore);
  return answer;
}

function ignore(): void {}
