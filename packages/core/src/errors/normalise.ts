import type { Driver } from "../spi/driver.ts";
import { errorCodes } from "./codes.ts";
import { MessagingError } from "./messaging-error.ts";

/** Credentials in anything that looks like a URL, up to its last `@`: a password may hold any other sign. */
const credentials = /(\b[a-z][a-z0-9+.-]*:\/\/)\S*@/gi;

/** A vendor's error text without the credentials that some of them quote. */
export function withoutCredentials(text: string): string {
  return text.replace(credentials, "$1***@");
}

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

/** The error for a caller whose signal fired. */
export function aborted(signal: AbortSignal): MessagingError {
  return new MessagingError("ABORTED", "The call was aborted by its signal.", { cause: signal.reason });
}

/** The error for a call on something that is closing or closed. */
export function closed(what: string): MessagingError {
  return new MessagingError("CLOSED", `The ${what} is closed.`, { remedy: "Connect again with `connect`." });
}
