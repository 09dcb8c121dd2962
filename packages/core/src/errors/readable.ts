import { thrownText } from "./error-text.ts";
import { MessagingError } from "./messaging-error.ts";

/**
 * Reads something of an object that an application gave: where that throws (a getter, a proxy), it is
 * a refusal like any other.
 * @throws MessagingError `INVALID_ARGUMENT`, and what `read` refuses
 */
export function readable<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (MessagingError.isInstance(cause)) throw cause;
    throw new MessagingError("INVALID_ARGUMENT", `${what} cannot be read: ${thrownText(cause)}.`, {
      remedy: "Pass a plain object.",
      cause,
    });
  }
}
