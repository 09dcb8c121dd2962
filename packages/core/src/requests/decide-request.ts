import type { RequestOptions } from "../api/request-reply.ts";
import { checkSignal } from "../errors/check-signal.ts";
import { copyOptions } from "../errors/copy-options.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { copyHeaders } from "../publishing/headers.ts";
import type { Headers } from "../spi/message.ts";

export interface DecidedRequest {
  readonly timeoutMs: number;
  readonly headers: Headers | undefined;
  readonly signal: AbortSignal | undefined;
}

/** How long a request waits for its reply unless it says otherwise, in milliseconds. */
export const defaultTimeoutMs = 30_000;

/** @throws MessagingError `UNKNOWN_OPTION`, `INVALID_ARGUMENT`, `INVALID_HEADER` */
export function decideRequest(options: RequestOptions): DecidedRequest {
  const given = copyOptions("request", options, ["timeoutMs", "headers", "signal"]);
  const { timeoutMs = defaultTimeoutMs, headers, signal } = given;
  if (typeof timeoutMs !== "number" || !(timeoutMs > 0 && Number.isFinite(timeoutMs))) {
    throw invalidArgument("timeoutMs", "a finite number above 0", timeoutMs);
  }
  checkSignal(signal);
  if (headers === undefined) return { timeoutMs, headers, signal };
  // A copy: it may be sent again, and what the caller does with its own meanwhile is its own business.
  return { timeoutMs, headers: copyHeaders(headers, undefined), signal };
}
