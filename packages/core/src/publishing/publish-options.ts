import type { PublishOptions } from "../api/publisher.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { checkSignal } from "../errors/check-signal.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError, UnsupportedError } from "../errors/messaging-error.ts";
import type { Address } from "../spi/address.ts";
import type { Driver } from "../spi/driver.ts";
import { copyHeaders } from "./headers.ts";

/** The last moment that a `Date` holds, in milliseconds since the epoch: brokers and consumers need not know a later one. */
const latestTime = 8_640_000_000_000_000;

const known = ["headers", "id", "timestamp", "correlationId", "signal", "delayMs", "ttlMs"];

/**
 * The options of a publish as they are now, checked: what the application does with its object
 * and its headers later changes nothing.
 * @throws MessagingError `UNKNOWN_OPTION`, `INVALID_ARGUMENT`, `INVALID_HEADER`, `UNSUPPORTED`
 */
export function checkedOptions(given: PublishOptions, address: Address, driver: Driver): PublishOptions {
  checkOptionNames("publish", given, known);
  const { features, limits } = driver.capabilities;
  const { delayMs, ttlMs, headers, id, timestamp, correlationId, signal } = given;
  checkText("id", id);
  checkText("correlationId", correlationId);
  checkDuration("timestamp", timestamp, latestTime);
  checkSignal(signal);
  if (delayMs !== undefined) {
    if (features.delay === undefined)
      throw new UnsupportedError("`delayMs`", driver.name, "Publish it when it is due.");
    checkDuration("delayMs", delayMs, features.delay.maxMs);
    if (delayMs > 0 && address.ordered) {
      throw new MessagingError(
        "INVALID_ARGUMENT",
        `"${address.name}" keeps order per key, and a delay would break it.`,
        { remedy: "Send delayed messages to a contract without a key." },
      );
    }
  }
  if (ttlMs !== undefined) {
    if (features.ttl === undefined)
      throw new UnsupportedError("`ttlMs`", driver.name, "Check the message's timestamp in the handler.");
    checkDuration("ttlMs", ttlMs, Number.MAX_SAFE_INTEGER);
  }
  return {
    ...(headers === undefined ? {} : { headers: copyHeaders(headers, limits.headers) }),
    ...(id === undefined ? {} : { id }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(signal === undefined ? {} : { signal }),
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(ttlMs === undefined ? {} : { ttlMs }),
  };
}

function checkText(name: string, value: unknown): void {
  if (value === undefined || (typeof value === "string" && value !== "" && value.isWellFormed())) return;
  throw invalidArgument(name, "a non-empty string", value);
}

function checkDuration(name: string, value: unknown, most: number): void {
  if (value === undefined || (typeof value === "number" && value >= 0 && value <= most)) return;
  throw invalidArgument(name, `a number from 0 to ${most}`, value);
}
