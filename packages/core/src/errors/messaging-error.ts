import { type ErrorCode, errorCodes } from "./codes.ts";

const marker = Symbol.for("waybill.MessagingError");

export interface MessagingErrorOptions {
  /** What to do about it, as an instruction. Becomes the end of the message. */
  readonly remedy?: string;
  /** Whether the same call may succeed later. Default: what the code says. */
  readonly retryable?: boolean;
  /** The error underneath, usually the vendor client's. */
  readonly cause?: unknown;
  /** Facts for a program to read (names, limits, sizes). Never a secret, never a body. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The only class of error that Waybill throws. Tell one from another by `code`. */
export class MessagingError extends Error {
  override readonly name: string = "MessagingError";
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly remedy: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly [marker] = true;

  constructor(code: ErrorCode, message: string, options: MessagingErrorOptions = {}) {
    super(
      options.remedy === undefined ? message : `${message} ${options.remedy}`,
      "cause" in options ? { cause: options.cause } : undefined,
    );
    this.code = code;
    this.retryable = options.retryable ?? errorCodes[code].retryable;
    this.remedy = options.remedy;
    this.details = options.details ?? {};
  }

  /** True also for an error from another copy of this package, where `instanceof` fails. */
  static isInstance(value: unknown): value is MessagingError {
    try {
      return typeof value === "object" && value !== null && marker in value;
    } catch {
      // A proxy that lets nobody look.
      return false;
    }
  }
}

/** A feature was used that the broker lacks. Thrown before any I/O. */
export class UnsupportedError extends MessagingError {
  override readonly name = "UnsupportedError";

  constructor(feature: string, adapter: string, remedy: string) {
    super("UNSUPPORTED", `${adapter} does not support ${feature}.`, {
      remedy,
      details: { feature, adapter },
    });
  }
}

/** One message of a batch that was not stored. `index` is its place in the batch. */
export interface PublishFailure {
  readonly index: number;
  readonly error: MessagingError;
}

/** Some messages of a batch were not stored; all others were. */
export class PartialFailureError extends MessagingError {
  override readonly name = "PartialFailureError";
  readonly failures: readonly PublishFailure[];

  constructor(failures: readonly PublishFailure[], total: number) {
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
}

/** Throw this from a handler to send the message to its dead letter at once, without another attempt. */
export class NonRetryableError extends MessagingError {
  override readonly name = "NonRetryableError";

  constructor(message: string, options: Pick<MessagingErrorOptions, "cause" | "details"> = {}) {
    super("HANDLER_FAILED", message, { ...options, retryable: false });
  }
}
