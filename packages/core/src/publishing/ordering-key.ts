import type { Contract } from "../api/contract.ts";
import { thrownText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { atOnce } from "../runtime/at-once.ts";

/**
 * The ordering key of a value.
 * @throws MessagingError `INVALID_ARGUMENT`
 */
export function orderingKey(contract: Contract, value: unknown): string | undefined {
  if (contract.key === undefined) return undefined;
  let key: unknown;
  try {
    key = atOnce(contract.key(value));
  } catch (cause) {
    throw new MessagingError(
      "INVALID_ARGUMENT",
      `The key function of "${contract.name}" threw: ${thrownText(cause)}.`,
      { remedy: "Return a string, or undefined for a message without a key.", cause },
    );
  }
  if (key === undefined || (typeof key === "string" && key !== "" && key.isWellFormed())) return key;
  throw new MessagingError(
    "INVALID_ARGUMENT",
    `The ordering key for "${contract.name}" is not a non-empty string.`,
    { remedy: "Return a string, or undefined for a message without a key." },
  );
}

/** As far as it can be told of a value that has not been checked. */
export function orderingKeyIfAny(contract: Contract, value: unknown): string | undefined {
  try {
    return orderingKey(contract, value);
  } catch {
    return undefined;
  }
}
