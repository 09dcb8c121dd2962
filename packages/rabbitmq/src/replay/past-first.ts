import type { Call, Consumer, Delivery, Settlement, SettleOutcome } from "@waybill/core/spi";
import type { AmqpConsumer } from "../consumer.ts";
import type { AmqpDelivery } from "../delivery.ts";

/** The AMQP type of the message after which a group's past is complete. */
export const endOfPast = "waybill.end-of-past";

/** How long `receive` may go without an answer. */
const waitMs = 5_000;

/**
 * A member of an ordered group that was made with a past: that past has a queue of
 * its own, which is handled to the end before the group's queue is begun.
 */
export class PastFirst implements Consumer {
  readonly #openPresent: () => Promise<AmqpConsumer>;
  readonly #removePast: () => Promise<unknown>;
  #current: AmqpConsumer;
  #inPast = true;
  #end: AmqpDelivery | undefined;
  #settled: (() => void) | undefined;
  #closed = false;

  constructor(
    past: AmqpConsumer,
    openPresent: () => Promise<AmqpConsumer>,
    removePast: () => Promise<unknown>,
  ) {
    this.#current = past;
    this.#openPresent = openPresent;
    this.#removePast = removePast;
  }

  async receive(max: number, call: Call): Promise<readonly Delivery[]> {
    if (!this.#inPast) return this.#current.receive(max, call);
    if (this.#end !== undefined) {
      if (this.#current.oldest !== this.#end) await this.#nextSettlement(call.signal);
      if (this.#current.oldest === this.#end && !call.signal.aborted) await this.#begin();
      return [];
    }
    let batch: readonly Delivery[];
    try {
      batch = await this.#current.receive(max, call);
    } catch (cause) {
      // Another member finished the past and took its queue away.
      if (this.#closed || (cause as { code?: unknown }).code !== "NOT_FOUND") throw cause;
      await this.#begin();
      return [];
    }
    const last = batch.at(-1) as AmqpDelivery | undefined;
    if (last?.native.properties.type !== endOfPast) return batch;
    this.#end = last;
    return batch.slice(0, -1);
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    const outcomes = await this.#current.settle(batch);
    this.#settled?.();
    return outcomes;
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#settled?.();
    return this.#current.close();
  }

  /** The past's queue is deleted before its end is acked: without that mark the next member would wait for it. */
  async #begin(): Promise<void> {
    if (this.#end !== undefined) await this.#removePast();
    const past = this.#current;
    const present = await this.#openPresent();
    this.#current = present;
    this.#inPast = false;
    await past.close();
    if (this.#closed) await present.close();
  }

  #nextSettlement(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#settled = undefined;
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      signal.addEventListener("abort", done, { once: true });
      this.#settled = done;
    });
  }
}
