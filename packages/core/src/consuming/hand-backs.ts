import { type Clock, monotonicNow } from "../runtime/clock.ts";
import type { Address } from "../spi/address.ts";
import type { CloseConsumerOptions, DelayedHandBack } from "../spi/driver.ts";
import type { ReceivedMessage } from "../spi/message.ts";
import { writtenAttempt } from "./attempt-headers.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import { givenUpRedeliveries, redeliveriesOf, trialMarkOf } from "./handed-back-marks.ts";
import type { DeliverySession, InFlightDelivery } from "./in-flight-delivery.ts";

export interface HandBacksContext {
  readonly clock: Clock;
  readonly address: Address;
  readonly attempts: AttemptMemory;
  readonly settles: boolean;
  readonly isLeased: boolean;
}

/**
 * What leaves unsettled: noted until its consumer closes, which is told of it and hands it to others, and
 * remembered, so that it goes on where it was should it come here again.
 */
export class HandBacks {
  readonly #context: HandBacksContext;
  /** What a handler had seen, what waits or is marked, and what has a lease. */
  #noted: InFlightDelivery[] = [];

  constructor(context: HandBacksContext) {
    this.#context = context;
  }

  /** To tell its consumer when that closes, or lets its partition go; until then it keeps its lease. */
  note(delivery: InFlightDelivery): void {
    const { wasStarted, dueAt, suspect } = delivery;
    const isKept = wasStarted || dueAt > 0 || suspect || this.#context.isLeased;
    if (isKept || isGivenUp(delivery)) this.#noted.push(delivery);
  }

  /** So that it goes on where it was. */
  remember(delivery: InFlightDelivery): void {
    const { attempts, address, settles } = this.#context;
    // What was handled is done, should its ack be lost; what was only passed over is as it was.
    const isDone = delivery.state === "acking" || delivery.state === "finishing";
    if (!settles || (isDone && delivery.wasStarted)) return;
    const isOver = delivery.state === "running" && delivery.current?.call.handlerCalled === true;
    attempts.note(address, delivery.message, {
      nextAttempt: delivery.attempt + (isOver && !delivery.suspect ? 1 : 0),
      suspect: delivery.suspect,
      losses: delivery.losses,
      blocks: delivery.isDeadLettered === true,
      notBefore: delivery.dueAt,
      firstFailedAt: delivery.firstFailedAt,
      lastError: delivery.lastError,
    });
  }

  /** Those of a session that its list of deliveries has no more. */
  of(session: DeliverySession): readonly InFlightDelivery[] {
    return this.#noted.filter((each) => each.session === session && !each.listed && !each.lost);
  }

  forget(matches: (delivery: InFlightDelivery) => boolean): void {
    if (this.#noted.length > 0) this.#noted = this.#noted.filter((each) => !matches(each));
  }

  /** What a consumer is told that hands these back. */
  tell(deliveries: readonly InFlightDelivery[]): CloseConsumerOptions {
    const now = monotonicNow(this.#context.clock);
    const started = new Set<ReceivedMessage>();
    const delayed = new Map<ReceivedMessage, DelayedHandBack>();
    for (const delivery of deliveries) {
      const { message, wasStarted, dueAt } = delivery;
      if (wasStarted) started.add(message);
      const redeliveries = redeliveriesToGive(delivery);
      if (redeliveries === undefined) continue;
      const delayMs = isGivenUp(delivery) ? 0 : Math.max(0, dueAt - now);
      delayed.set(message, { delayMs, redeliveries });
    }
    return { started, delayed };
  }
}

/** The count that it is to come again with; `undefined`: the one that it has. */
function redeliveriesToGive(delivery: InFlightDelivery): number | undefined {
  const { message, attempt, suspect, isOnTrial } = delivery;
  if (isGivenUp(delivery)) return givenUpRedeliveries;
  // Whatever became of consumers that it had here, it took no process down with it.
  if (suspect && (isOnTrial || trialMarkOf(message) !== undefined)) return redeliveriesOf(delivery);
  return waitsForAttempt(delivery) ? Math.max(0, attempt - writtenAttempt(message.headers)) : undefined;
}

/** Its copy is to decide what becomes of it: it is in the dead-letter queue, or was brought back and has not run yet. */
function isGivenUp({ isDeadLettered, redriven, attempt, isIdle, state }: InFlightDelivery): boolean {
  if (isDeadLettered === true) return true;
  return redriven !== undefined && attempt === 1 && (isIdle || state === "ended");
}

/** It has failed and waits for its next attempt: until then, behind its key, or for a free handler. */
function waitsForAttempt(delivery: InFlightDelivery): boolean {
  // A handler that does not end has asked for it.
  if (delivery.state === "running") return delivery.dueAt > 0;
  const isIdle = delivery.isIdle || delivery.state === "ended";
  return isIdle && (delivery.dueAt > 0 || (delivery.wasStarted && !delivery.suspect));
}
