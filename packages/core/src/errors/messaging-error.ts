import { type ErrorCode, errorCodes } from "./codes.ts";
import { thrownText } from "./error-text.ts";
import { plainData } from "./plain-data.ts";
import { marker, readError } from "./read-error.ts";
import { causesOf } from "./render-error.ts";

/** Names the subclass, so that it is known across copies of this package. */
const kind = Symbol.for("waybill.MessagingError.kind");

/** What a `MessagingError` carries beside its code and message. */
export interface MessagingErrorOptions {
  /** What to do about it, as an instruction. Becomes the end of the message. */
  readonly remedy?: string | undefined;
  /** Whether the same call may succeed later. Default: what the code says. */
  readonly retryable?: boolean | undefined;
  /** The error underneath, usually the vendor client's. */
  readonly cause?: unknown;
  /** Facts for a program to read (names, limits, sizes). Never a secret, never a body. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** A MessagingError as plain data, for a log or a health endpoint. */
export interface MessagingErrorData {
  readonly name: string;
  readonly code: ErrorCode;
  /** The whole sentence, remedy included. */
  readonly message: string;
  readonly remedy: string | undefined;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;
  /** What was underneath, outermost first: one text for each error, without credentials. */
  readonly causes: readonly string[];
}

/** The only class of error that Waybill throws. Tell one from another by `code`. */
export class MessagingError extends Error {
  override readonly name: string = "MessagingError";
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly remedy: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly [marker] = true;

  /** @throws MessagingError `INVALID_ARGUMENT` for what it cannot be made of */
  constructor(code: ErrorCode, message: string, options: MessagingErrorOptions = {}) {
    const { text, remedy, retryable, details, underneath } = readArguments(() =>
      checkedArguments(code, message, options),
    );
    super(remedy === undefined ? text : `${text} ${remedy}`, underneath);
    this.code = code;
    // Applications write their own codes where no type checks them.
    this.retryable = retryable ?? (Object.hasOwn(errorCodes, code) && errorCodes[code].retryable);
    this.remedy = remedy;
    this.details = details ?? {};
  }

  /**
   * True also for an error from another copy of this package, where `instanceof` fails, and false
   * for what only pretends to be one: `code`, `retryable` and `message` are what they are said to be.
   * Asked of a subclass it is true for errors of that class only.
   */
  // biome-ignore lint/suspicious/noExplicitAny: a constructor with any parameters
  static isInstance<T extends abstract new (...args: any[]) => MessagingError>(
    this: T,
    value: unknown,
  ): value is InstanceType<T> {
    // biome-ignore lint/complexity/noThisInStatic: which class is asked is the point
    return isOfClass(value, this);
  }

  /** Plain data for `JSON.stringify`: what is underneath only as text without credentials, never as an object. */
  toJSON(): MessagingErrorData {
    const { name, code, remedy, retryable } = this;
    const message = thrownText(this.message);
    const details = plainData(this.details) as Readonly<Record<string, unknown>>;
    return {
      name,
      code,
      message,
      remedy: remedy === undefined ? undefined : thrownText(remedy),
      retryable,
      details,
      causes: causesOf(this),
    };
  }
}

/** Reads what an error is made of. @throws MessagingError `INVALID_ARGUMENT`, whatever reading it throws */
export function readArguments<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (MessagingError.isInstance(cause)) throw cause;
    throw new MessagingError("INVALID_ARGUMENT", `An error cannot be made of this: ${thrownText(cause)}.`, {
      remedy: "Pass texts, and a plain object of options.",
    });
  }
}

/** @throws MessagingError `INVALID_ARGUMENT` */
export function checkText(name: string, value: unknown): asserts value is string {
  if (typeof value !== "string") throw notLegal(name, "a text");
}

function checkedArguments(code: unknown, message: unknown, options: MessagingErrorOptions) {
  checkText("code", code);
  // As every error takes it: `new Error(undefined)` says nothing, and is one.
  if (message !== undefined) checkText("message", message);
  if (typeof options !== "object" || options === null) throw notLegal("options", "an object");
  const { remedy, retryable, details } = options;
  if (remedy !== undefined) checkText("remedy", remedy);
  if (retryable !== undefined && typeof retryable !== "boolean") throw notLegal("retryable", "true or false");
  if (details !== undefined && (typeof details !== "object" || details === null))
    throw notLegal("details", "an object");
  const underneath = "cause" in options ? { cause: options.cause } : undefined;
  return { text: message ?? "", remedy, retryable, details, underneath };
}

function notLegal(name: string, takes: string): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", `\`${name}\` of an error takes ${takes}.`, {
    remedy: `Pass ${takes}.`,
  });
}

function isOfClass(value: unknown, asked: unknown): boolean {
  try {
    if (readError(value) === undefined) return false;
    // `errors.filter(MessagingError.isInstance)` asks without a class.
    if (
      asked === undefined ||
      asked === MessagingError ||
      (typeof asked === "function" && value instanceof asked)
    )
      return true;
    // Another copy's class of the same kind. What an application derives has no kind of its own.
    const wanted = Object.getOwnPropertyDescriptor(asked, kind)?.value;
    return wanted !== undefined && (value as { readonly [kind]?: unknown })[kind] === wanted;
  } catch {
    // A value whose own traps throw is no error of ours.
    return false;
  }
}

/** A feature was used that the broker lacks. Thrown before any I/O. */
export class UnsupportedError extends MessagingError {
  static readonly [kind]: string = "UnsupportedError";
  override readonly name: string = "UnsupportedError";
  readonly [kind]: string = "UnsupportedError";

  /** @throws MessagingError `INVALID_ARGUMENT` for what is no text */
  constructor(feature: string, adapter: string, remedy: string) {
    for (const [name, value] of Object.entries({ feature, adapter, remedy })) checkText(name, value);
    super("UNSUPPORTED", `${adapter} does not support ${feature}.`, {
      remedy,
      details: { feature, adapter },
    });
  }
}

/** So many failures of a batch are shown in its JSON; all are in `failures`. */
const shownFailures = 10;

/** One message of a batch that was not stored. `index` is its place in the batch. */
export interface PublishFailure {
  readonly index: number;
  readonly error: MessagingError;
}

/** Some messages of a batch were not stored; all others were. */
export class PartialFailureError extends MessagingError {
  static readonly [kind]: string = "PartialFailureError";
  override readonly name: string = "PartialFailureError";
  readonly [kind]: string = "PartialFailureError";
  readonly failures: readonly PublishFailure[];

  /** @throws MessagingError `INVALID_ARGUMENT` for what are no failures */
  constructor(given: readonly PublishFailure[], total: number) {
    const failures = readArguments(() => given.map(checkedFailure));
    if (typeof total !== "number") throw notLegal("total", "a number");
    const first = failures[0]?.error.message;
    const why = first === undefined ? "" : ` The first: ${first}`;
    super("PARTIAL_FAILURE", `${failures.length} of ${total} messages were not stored.${why}`, {
      remedy: "Publish again the ones named in `failures`; the others are confirmed.",
      retryable: failures.every((failure) => failure.error.retryable),
      cause: failures[0]?.error,
      details: { indexes: failures.map((failure) => failure.index), total },
    });
    this.failures = failures;
  }

  /** Names the first of the failures, too. */
  override toJSON(): MessagingErrorData & { readonly failures: readonly unknown[] } {
    const failures = this.failures.slice(0, shownFailures).map(({ index, error }) => ({
      index,
      error: error.toJSON(),
    }));
    return { ...super.toJSON(), failures };
  }
}

function checkedFailure({ index, error }: PublishFailure): PublishFailure {
  if (typeof index === "number" && MessagingError.isInstance(error)) return { index, error };
  throw notLegal("failures", "an array of `index` and `error`, a MessagingError each");
}

/** Throw this from a handler to send the message to its dead-letter queue at once, without another attempt. */
export class NonRetryableError extends MessagingError {
  static readonly [kind]: string = "NonRetryableError";
  override readonly name: string = "NonRetryableError";
  readonly [kind]: string = "NonRetryableError";

  constructor(message: string, options: Pick<MessagingErrorOptions, "cause" | "details"> = {}) {
    super(
      "HANDLER_FAILED",
      message,
      readArguments(() => ({ ...options, retryable: false })),
    );
  }
}
