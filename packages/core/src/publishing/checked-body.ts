import { json } from "../api/codec.ts";
import type { AnyPayload } from "../api/contract.ts";
import { decodeBody } from "./decode.ts";
import { bytesOf, lossError, notEncodable } from "./encode.ts";
import { findJsonLoss, holdsUnencodable, survivesJson } from "./json-survival.ts";
import { refusesAbsence } from "./undefined-members.ts";
import { type Validated, validate } from "./validate.ts";

/** Schemas that have returned a promise. */
const asynchronous = new WeakSet<object>();

/** The bytes of a value as it was when it was published. */
export interface CheckedBody {
  readonly body: Uint8Array;
  /** Where it takes time to tell: rejects if it is not to be stored. It is no unhandled rejection. */
  readonly checked: Promise<void> | undefined;
}

/**
 * Encodes a value as it is now, whatever its owner does with it later. A schema that takes its time
 * is asked about what a consumer will decode, so what was validated is what is stored.
 * @throws MessagingError `VALIDATION_FAILED`, `SERIALIZATION_FAILED`, also for what a consumer of the same
 * contract could not read
 */
export function checkedBody(payload: AnyPayload, value: unknown, destination: string): CheckedBody {
  const { schema } = payload;
  const answer = isAsynchronous(payload) ? undefined : validate(payload, value, destination);
  if (answer instanceof Promise) {
    answer.catch(ignore);
    asynchronous.add(schema as object);
  }
  const body = bytesOf(payload, value, destination);
  try {
    if (answer !== undefined && !(answer instanceof Promise)) {
      if (payload.codec.encode !== json.encode || survivesJson(value, schema !== undefined))
        return { body, checked: undefined };
      const isUndefinedOnly = survivesJson(value);
      if (isUndefinedOnly && !refusesAbsence(payload, value, body, destination))
        return { body, checked: undefined };
      if (isUndefinedOnly || schema === undefined)
        throw lossError(findJsonLoss(value, isUndefinedOnly), destination);
    }
  } catch (cause) {
    throw notEncodable(payload, destination, cause);
  }
  const checked = check(payload, value, body, destination, answer).catch((cause) => {
    throw notEncodable(payload, destination, cause);
  });
  checked.catch(ignore);
  return { body, checked };
}

/** Whether the schema is one that takes its time. */
export function isAsynchronous({ schema }: AnyPayload): boolean {
  return schema !== undefined && asynchronous.has(schema);
}

/**
 * Whether the schema takes what is stored. Where JSON changes a value (a date, say), it has to take both.
 * All that looks at the value runs before the first `await`.
 */
async function check(
  payload: AnyPayload,
  value: unknown,
  body: Uint8Array,
  destination: string,
  answer: Validated | Promise<Validated> | undefined,
): Promise<void> {
  const isJson = payload.codec.encode === json.encode;
  const loss = isJson ? (findJsonLoss(value) ?? findJsonLoss(value, true)) : undefined;
  const stored = answerOf(() => validate(payload, decodeBody(payload, body), destination));
  if (loss === undefined) return void (await stored);
  const published = await (answer ?? answerOf(() => validate(payload, value, destination)));
  const received = await stored.catch(() => undefined);
  // A schema that takes anything also takes the nothing that JSON makes of a Map.
  const isTaken =
    received !== undefined && (!holdsUnencodable(published.value) || holdsUnencodable(received.value));
  if (!isTaken) throw lossError(loss, destination);
}

/** What is thrown is a rejection, and one that nobody has to hear. */
function answerOf<T>(work: () => T | Promise<T>): Promise<T> {
  const answer = new Promise<T>((resolve) => resolve(work()));
  answer.catch(ignore);
  return answer;
}

function ignore(): void {}
