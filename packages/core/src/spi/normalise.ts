import { errorCodes } from "../errors/codes.ts";
import { withoutCredentials } from "../errors/credentials.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { Driver } from "./driver.ts";

/**
 * Whatever a driver threw, as a MessagingError with a code of the table. What the
 * driver does not know counts as passing: giving up on a message or a subscription
 * needs a reason.
 */
export function normalise(driver: Driver, cause: unknown): MessagingError {
  if (MessagingError.isInstance(cause)) return cause;
  const found = driver.classify(cause);
  const code = found?.code ?? "BROKER_ERROR";
  const said = cause instanceof Error ? cause.message : String(cause);
  return new MessagingError(
    code,
    `${driver.name}: ${errorCodes[code].title}${said === "" ? "" : ` (${withoutCredentials(said)})`}.`,
    {
      cause,
      ...(found === undefined ? { retryable: true } : {}),
      ...(found?.retryable === undefined ? {} : { retryable: found.retryable }),
      ...(found?.remedy === undefined ? {} : { remedy: found.remedy }),
    },
  );
}
