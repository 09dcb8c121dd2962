import { bytes, json, text } from "../api/codec.ts";
import type { AnyPayload } from "../api/contract.ts";
import type { MessagingError } from "../errors/messaging-error.ts";
import { decodeBody } from "./decode.ts";
import { bytesOf, lossError, notEncodable, unreadableError } from "./encode.ts";
import { countTaken, isAmongFirst } from "./first-values.ts";
import { findJsonLoss, findUnnamed, type JsonLoss } from "./json-loss.ts";
import { holdsUnencodable, survivesJson } from "./json-survival.ts";
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
    const isAnswered = answer !== undefined && !(answer instanceof Promise);
    if (isAnswered && isReadable(payload, value, body, destination)) return { body, checked: undefined };
  } catch (cause) {
    throw notEncodable(payload, destination, cause);
  }
  const checked = check(payload, value, body, destination, answer).catch((cause) => {
    throw notEncodable(payload, destination, cause);
  });
  checked.catch(ignore);
  return { body, checked };
}

/**
 * Whether it is known at once that a consumer of the same contract can read what is stored.
 * @throws MessagingError `SERIALIZATION_FAILED` where it is known that none can
 */
function isReadable(payload: AnyPayload, value: unknown, body: Uint8Array, destination: string): boolean {
  const { schema, codec } = payload;
  if (codec.encode === json.encode) {
    if (!survivesJson(value, schema !== undefined)) {
      if (schema === undefined) throw lossError(findJsonLoss(value), destination);
      // Whether a member may be absent can depend on all the others, so each such value is read again.
      const refusal = () => lossError(findJsonLoss(value, true), destination);
      return survivesJson(value) && takesStored(payload, body, destination, refusal);
    }
    if (!isAmongFirst(payload)) return true;
    const loss = findUnnamed(value);
    if (loss !== undefined && schema === undefined) throw lossError(loss, destination);
    if (loss !== undefined) return false;
  } else {
    if (schema === undefined || codec === text || codec === bytes || !isAmongFirst(payload)) return true;
    const refusal = (cause: unknown) => unreadableError(destination, cause);
    if (!takesStored(payload, body, destination, refusal)) return false;
  }
  countTaken(payload);
  return true;
}

/**
 * Whether the schema takes what a consumer will decode; false also where it answers with a promise.
 * @throws what `refusal` makes of the error that a consumer would get
 */
function takesStored(
  payload: AnyPayload,
  body: Uint8Array,
  destination: string,
  refusal: (cause: unknown) => MessagingError,
): boolean {
  let stored: Validated | Promise<Validated>;
  try {
    stored = validate(payload, decodeBody(payload, body), destination);
  } catch (cause) {
    throw refusal(cause);
  }
  if (!(stored instanceof Promise)) return true;
  stored.catch(ignore);
  return false;
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
  const loss = payload.codec.encode === json.encode ? lossIn(payload, value) : undefined;
  const stored = answerOf(() => validate(payload, decodeBody(payload, body), destination));
  if (loss === undefined) {
    await stored;
    return countTaken(payload);
  }
  const published = await (answer ?? answerOf(() => validate(payload, value, destination)));
  const received = await stored.catch(() => undefined);
  // A schema that takes anything also takes the nothing that JSON makes of a Map.
  const isTaken =
    received !== undefined && (!holdsUnencodable(published.value) || holdsUnencodable(received.value));
  if (!isTaken) throw lossError(loss, destination);
}

function lossIn(payload: AnyPayload, value: unknown): JsonLoss | undefined {
  return (
    findJsonLoss(value) ??
    findJsonLoss(value, true) ??
    (isAmongFirst(payload) ? findUnnamed(value) : undefined)
  );
}

/** What is thrown is a rejection, and one that nobody has to hear. */
function answerOf<T>(work: () => T | Promise<T>): Promise<T> {
  const answer = new Promise<T>((resolve) => resolve(work()));
  answer.catch(ignore);
  return answer;
}

function ignore(): void {}
