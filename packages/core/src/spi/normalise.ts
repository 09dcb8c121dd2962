import { type ErrorCode, errorCodes } from "../errors/codes.ts";
import { thrownText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";

import type { Classification, Driver } from "./driver.ts";

/**
 * Whatever a driver threw, as a MessagingError with a code of the table. What the
 * driver does not know counts as passing: giving up on a message or a subscription
 * needs a reason. Never throws, whatever the driver or its error do.
 */
export function normalise(driver: Driver, cause: unknown): MessagingError {
  if (MessagingError.isInstance(cause)) return cause;
  const found = classified(driver, cause);
  const code: ErrorCode = found?.code ?? "BROKER_ERROR";
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

function classified(driver: Driver, cause: unknown): Classification | undefined {
  try {
    const found = driver.classify(cause);
    if (found === undefined) return undefined;
    const { code, retryable, remedy } = found;
    if (!Object.hasOwn(errorCodes, code)) return undefined;
    return {
      code,
      ...(typeof retryable === "boolean" ? { retryable } : {}),
      ...(typeof remedy === "string" ? { remedy } : {}),
    };
  } catch {
    return undefined;
  }
}
