import { requestHeaders } from "../consuming/request-headers.ts";
import { BoundedMap } from "../runtime/bounded-map.ts";
import type { ReceivedMessage } from "../spi/message.ts";
import { defaultTimeoutMs } from "./decide-request.ts";
import { numberIn } from "./reply-headers.ts";

/** The most that is remembered of requesters, in bytes: of several thousand, as their names have one length. */
const maxBytes = 512 * 1024;

/**
 * Tells requests that somebody waits for from those that nobody does, whatever the clocks say.
 * How far this clock is ahead of a requester's is learned in two ways: no request is younger than
 * nothing, and a requester that was refused and still waits says so. One for a client: clocks are the same whatever is asked.
 */
export class RequestAges {
  readonly #skewMs = new BoundedMap<number>(maxBytes);

  /** How much longer the requester waits, in milliseconds, as far as can be known: as long as by default for one that does not say. */
  leftMs(request: ReceivedMessage, receivedAt: number, now: number): number {
    const timeoutMs = numberIn(request.headers[requestHeaders.timeoutMs]);
    if (timeoutMs === undefined) return defaultTimeoutMs;
    const skewMs = this.#learn(request, receivedAt - request.timestamp);
    return request.timestamp + skewMs + timeoutMs - now;
  }

  #learn(request: ReceivedMessage, apartMs: number): number {
    const { replyTo = "" } = request;
    const known = this.#skewMs.get(replyTo) ?? 0;
    const skewMs = Math.min(apartMs, numberIn(request.headers[requestHeaders.skewMs]) ?? known);
    if (skewMs !== known) this.#skewMs.set(replyTo, skewMs);
    return skewMs;
  }
}
