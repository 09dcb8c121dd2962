import { errorText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { DestinationSender } from "../publishing/destination-sender.ts";
import { nextPublishToken } from "../publishing/ids.ts";
import { wireSize } from "../publishing/wire-size.ts";
import type { Clock } from "../runtime/clock.ts";
import { RecentTimes } from "../runtime/recent-times.ts";
import { sleep } from "../runtime/sleep.ts";
import type { Address } from "../spi/address.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { Driver } from "../spi/driver.ts";
import type { Headers, WireMessage } from "../spi/message.ts";
import { normalise } from "../spi/normalise.ts";
import { attemptHeader, firstFailedHeader } from "./attempt-headers.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";

export interface FailuresContext {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly address: Address;
  /** Where failed messages end: `undefined` to let them go. */
  readonly deadLetter: Address | undefined;
  sender(address: Address): DestinationSender;
  readonly onError: (error: MessagingError) => void;
  /** Fires when the subscription closes. */
  readonly signal: AbortSignal;
}

/** Takes failed messages to where they wait or end. Each method resolves true when the original may be acked. */
export class Failures {
  readonly #context: FailuresContext;
  /** For brokers that delay redelivery themselves and carry no header of ours with it. */
  readonly #firstFailures = new RecentTimes(10_000);

  constructor(context: FailuresContext) {
    this.#context = context;
  }

  /** Notes the failure. */
  noteFailure(held: InFlightDelivery): void {
    const now = this.#context.clock.now();
    held.firstFailedAt ??=
      timeIn(held.wire.headers[firstFailedHeader]) ?? this.#firstFailures.note(held.wire.id, now);
  }

  /**
   * How the next attempt comes about. One with an ordering key waits in place, so
   * that nothing of its key overtakes it; so does one that nobody else could get.
   */
  way(held: InFlightDelivery, delayMs: number): "native" | "republish" | "in place" {
    const { capabilities } = this.#context.driver;
    const { kind, ordered } = this.#context.address;
    if (kind === "topic" || kind === "inbox" || (ordered && held.wire.key !== undefined)) return "in place";
    if (capabilities.retry.how === "native" && delayMs <= capabilities.retry.maxDelayMs) return "native";
    return delayMs <= (capabilities.features.delay?.maxMs ?? -1) ? "republish" : "in place";
  }

  /** Sends the message back to where it came from, to be delivered after the delay with the next attempt's number. */
  async republish(held: InFlightDelivery, delayMs: number): Promise<boolean> {
    const message = this.#copy(held, delayMs, {
      ...held.headers,
      [attemptHeader]: String(held.attempt + 1),
      [firstFailedHeader]: String(held.firstFailedAt ?? this.#context.clock.now()),
    });
    try {
      await this.#context.sender(this.#context.address).add(message, wireSize(message));
      return true;
    } catch (cause) {
      this.#context.onError(normalise(this.#context.driver, cause));
      return false;
    }
  }

  /** Stores the dead letter; tries again for as long as the delivery is ours. */
  async deadLetter(held: InFlightDelivery, error: unknown): Promise<boolean> {
    const { deadLetter, clock, signal } = this.#context;
    if (deadLetter === undefined) return true;
    const message = this.#copy(held, 0, { ...held.headers, ...this.#failureHeaders(held, error) });
    for (let pauseMs = 500; ; pauseMs = Math.min(30_000, pauseMs * 2)) {
      try {
        await this.#context.sender(deadLetter).add(message, wireSize(message), signal);
        return true;
      } catch (cause) {
        if (signal.aborted || held.lost) return false;
        this.#context.onError(
          new MessagingError(
            "BROKER_ERROR",
            `A failed message could not be put into "${deadLetter.name}" yet.`,
            {
              remedy: "It stays where it is until it can.",
              retryable: true,
              cause,
            },
          ),
        );
      }
      await sleep(clock, pauseMs, signal);
      if (signal.aborted || held.lost) return false;
    }
  }

  #copy(held: InFlightDelivery, delayMs: number, headers: Headers): WireMessage {
    const { wire } = held;
    return {
      id: wire.id,
      publishToken: nextPublishToken(),
      body: wire.body,
      contentType: wire.contentType,
      key: undefined,
      timestamp: wire.timestamp,
      headers,
      delayMs,
      // A dead letter and a retry are not to vanish by the original's time to live.
      expiresAt: undefined,
      replyTo: wire.replyTo,
      correlationId: wire.correlationId,
    };
  }

  #failureHeaders(held: InFlightDelivery, error: unknown): Record<string, string> {
    const { address, clock } = this.#context;
    const now = clock.now();
    const headers: Record<string, string> = {
      [deadLetterHeaders.source]: address.name,
      [deadLetterHeaders.attempts]: String(held.attempt),
      [deadLetterHeaders.firstFailedAt]: String(held.firstFailedAt ?? now),
      [deadLetterHeaders.lastFailedAt]: String(now),
      [deadLetterHeaders.errorCode]: MessagingError.isInstance(error) ? error.code : "HANDLER_FAILED",
      [deadLetterHeaders.errorMessage]: errorText(error),
    };
    if (address.group !== undefined) headers[deadLetterHeaders.group] = address.group;
    if (held.wire.key !== undefined) headers[deadLetterHeaders.key] = held.wire.key;
    return headers;
  }
}

function timeIn(text: string | undefined): number | undefined {
  const time = Number(text);
  return text !== undefined && Number.isSafeInteger(time) && time > 0 ? time : undefined;
}
