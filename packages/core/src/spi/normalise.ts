import { errorCodes } from "../errors/codes.ts";
import { thrownText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { Classification, Driver } from "./driver.ts";

/**
 * Whatever a driver threw, as a MessagingError with a code of the table. What the
 * driver does not know counts as passing: giving up on a message or a subscription
 * needs a reason. Never throws.
 */
export function normalise(driver: Driver, cause: unknown): MessagingError {
  if (MessagingError.isInstance(cause)) return cause;
  const found = classified(driver, cause);
  const code = found?.code ?? "BROKER_ERROR";
  const said = thrownText(cause);
  return new MessagingError(
    code,
    `${driver.name}: ${errorCodes[code].title}${said === "" ? "" : ` (${said})`}.`,
    {
      cause,
      ...(found === undefined ? { retryable: true } : {}),
      ...(found?.retryable === undefined ? {} : { retryable: found.retryable }),
      ...(found?.remedy === undefined ? {} : { remedy: found.remedy }),
    },
  );
}

/** An error that even its own driver cannot look at is one that it does not know. */
function classified(driver: Driver, cause: unknown): Classification | undefined {
  try {
    return driver.classify(cause);
  } catch {
    return undefined;
  }
}
