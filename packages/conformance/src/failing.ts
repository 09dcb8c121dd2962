import assert from "node:assert/strict";
import { type ErrorCode, errorCodes, MessagingError } from "@waybill/core";

/**
 * Runs what must fail, and returns its error: a MessagingError whose code is one
 * of these, and that says what the table says of that code. A throw at once is
 * as good as a rejection.
 */
export async function failure(
  work: () => unknown,
  ...codes: readonly [ErrorCode, ...ErrorCode[]]
): Promise<MessagingError> {
  let error: unknown;
  try {
    await work();
  } catch (caught) {
    error = caught;
  }
  if (error === undefined) assert.fail(`This should have failed as ${codes.join(" or ")}, and did not.`);
  assertMessagingError(error);
  assert(
    codes.includes(error.code),
    `Failed as ${error.code} and not as ${codes.join(" or ")}: ${error.message}`,
  );
  return error;
}

/** Asserts that an error is one that an application can work with. */
export function assertMessagingError(error: unknown): asserts error is MessagingError {
  if (!MessagingError.isInstance(error)) assert.fail(`Not a MessagingError: ${shown(error)}`);
  assert(error.code in errorCodes, `No such code in the table: ${error.code}`);
  assert(error.message.length > 0, "An error without a message.");
  assert.equal(typeof error.retryable, "boolean");
}

function shown(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
