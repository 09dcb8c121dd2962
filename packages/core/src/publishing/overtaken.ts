import { MessagingError } from "../errors/messaging-error.ts";
import type { PendingPublish } from "./pending-publish.ts";

/** A message of a call to the driver that was not stored. */
export interface SendFailure {
  readonly entry: PendingPublish;
  readonly error: MessagingError;
  /** Its place in the batch. */
  readonly index: number;
}

/**
 * The same failures, where a driver has stored later messages of the same ordering key in the same
 * call: to send such a one again would put it behind them and say that all is well. It fails, and says so.
 */
export function withOvertaken(
  entries: readonly PendingPublish[],
  failures: readonly SendFailure[],
): readonly SendFailure[] {
  if (failures.length === 0 || failures.length === entries.length) return failures;
  const failed = new Set(failures.map(({ index }) => index));
  const lastStored = new Map<string, number>();
  entries.forEach(({ message: { key } }, index) => {
    if (key !== undefined && !failed.has(index)) lastStored.set(key, index);
  });
  return failures.map((failure) => {
    const { entry, index } = failure;
    const { key } = entry.message;
    if (key === undefined || (lastStored.get(key) ?? -1) < index) return failure;
    const error = overtakenError(failure.error);
    if (error.retryable) entry.refusal ??= error;
    return { entry, error, index };
  });
}

function overtakenError(cause: MessagingError): MessagingError {
  const { code, retryable, details } = cause;
  return new MessagingError(
    code,
    "A message was refused, and later ones of its ordering key are stored: sent again, it would arrive behind them.",
    {
      remedy: "Publish it and those after it again, or it alone if its place does not matter.",
      retryable,
      cause,
      details: { ...details, overtaken: true },
    },
  );
}
