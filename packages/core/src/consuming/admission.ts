import { type Clock, monotonicNow } from "../runtime/clock.ts";
import type { Address } from "../spi/address.ts";
import type { ReceivedMessage } from "../spi/message.ts";
import { wireSize } from "../spi/wire-size.ts";
import {
  mayCarryCoreHeaders,
  withoutAttemptHeaders,
  writtenAttempt,
  writtenExpiry,
  writtenFirstFailure,
} from "./attempt-headers.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import type { BlockedKeys } from "./blocked-keys.ts";
import { knownRedeliveries, trialMarkOf } from "./handed-back-marks.ts";
import { type DeliveryPartition, type DeliverySession, InFlightDelivery } from "./in-flight-delivery.ts";
import type { ConsumeSettings } from "./settings.ts";
import type { Suspects } from "./suspects.ts";

export interface AdmissionContext {
  readonly address: Address;
  readonly attempts: AttemptMemory;
  readonly settings: ConsumeSettings;
  readonly settles: boolean;
  readonly clock: Clock;
}

/** Turns what was received into deliveries, with the attempt that each is. */
export class Admission {
  readonly #context: AdmissionContext;
  readonly #suspects: Suspects;
  readonly #blockedKeys: BlockedKeys | undefined;

  constructor(context: AdmissionContext, suspects: Suspects, blockedKeys: BlockedKeys | undefined) {
    this.#context = context;
    this.#suspects = suspects;
    this.#blockedKeys = blockedKeys;
  }

  /** `waitMs`: how long it has still to wait for this attempt. */
  admit(
    message: ReceivedMessage,
    session: DeliverySession,
    partition: DeliveryPartition | undefined,
    now: number,
  ): { readonly delivery: InFlightDelivery; readonly waitMs: number } {
    const { address, attempts, settings, clock } = this.#context;
    const known = attempts.recall(address, message);
    const isMarked = mayCarryCoreHeaders(message.headers);
    const written = isMarked ? writtenAttempt(message.headers) : 1;
    const attempt =
      known === undefined
        ? attemptOf(message, written, settings.retry.maxAttempts)
        : known.nextAttempt + known.unknown;
    const delivery = new InFlightDelivery(
      message,
      session,
      partition,
      isMarked ? withoutAttemptHeaders(message.headers) : message.headers,
      wireSize(message),
      attempt,
      message.expiresAt ?? (isMarked ? writtenExpiry(message.headers) : undefined),
      now,
    );
    delivery.firstFailedAt = known?.firstFailedAt;
    delivery.lastError = known?.lastError;
    if (known?.suspect) {
      delivery.attempt = settings.retry.maxAttempts;
      delivery.suspect = true;
      delivery.losses = known.losses;
    } else if (known === undefined || known.unknown > 0) this.#judge(delivery);
    this.#blockedKeys?.admit(delivery, known);
    const { notBefore = 0 } = known ?? {};
    const here = notBefore === 0 ? 0 : notBefore - monotonicNow(clock);
    // What another process left to be waited for. From the wire: it may be anything.
    const { waitMs: handedOver = 0 } = message;
    // Only what a handler has seen is left so.
    if (handedOver > 0) delivery.firstFailedAt ??= writtenFirstFailure(message.headers) ?? now;
    const waitMs =
      handedOver > 0 ? Math.max(Math.min(handedOver, settings.retry.longestDelayMs), here) : here;
    return { delivery, waitMs };
  }

  /** The broker's count alone is a suspicion, no more; what a sender wrote is not even part of a verdict. */
  #judge(delivery: InFlightDelivery): void {
    const { settings, settles } = this.#context;
    const { maxAttempts } = settings.retry;
    const mark = trialMarkOf(delivery.message);
    if (!settles || (mark === undefined && delivery.attempt <= maxAttempts)) return;
    if (this.#suspects.isGuilty(delivery.message, maxAttempts)) {
      delivery.attempt = maxAttempts + 1;
      return;
    }
    delivery.attempt = maxAttempts;
    delivery.suspect = true;
    delivery.losses = this.#suspects.lossesOf(delivery.message);
  }
}

/**
 * The attempt that a message comes for, as far as it tells. Whoever published a retry wrote on it
 * for which attempt that is; but anybody may have written that, or another policy, so that
 * it never says more than that this attempt is the last.
 */
function attemptOf(message: ReceivedMessage, written: number, maxAttempts: number): number {
  return Math.min(written, maxAttempts) + knownRedeliveries(message);
}
