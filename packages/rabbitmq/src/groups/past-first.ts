import {
  type Call,
  type CloseConsumerOptions,
  type Consumer,
  nothingStarted,
  type ReceivedMessage,
  type Settlement,
  type SettleOutcome,
} from "@waybill/core/spi";
import type { RabbitmqConsumer } from "../consumer.ts";
import type { RabbitmqDelivery } from "../delivery.ts";

/** The AMQP type of the message after which a group's past is complete. */
export const endOfPast = "waybill.end-of-past";

/** How long `receive` may take without bringing anything, in milliseconds. */
const waitMs = 5_000;

/** The queue of a group's past. */
export interface Past {
  exists(): Promise<boolean>;
  remove(): Promise<unknown>;
}

/**
 * A member of an ordered group that was made with a past: that past has a queue of
 * its own, which is handled to the end before the group's queue is begun.
 */
export class PastFirst implements Consumer {
  readonly #openPresent: () => Promise<RabbitmqConsumer>;
  readonly #past: Past;
  #current: RabbitmqConsumer;
  #inPast = true;
  #end: RabbitmqDelivery | undefined;
  #settled: (() => void) | undefined;
  #closed = false;

  constructor(inPast: RabbitmqConsumer, openPresent: () => Promise<RabbitmqConsumer>, past: Past) {
    this.#current = inPast;
    this.#openPresent = openPresent;
    this.#past = past;
  }

  async receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    if (!this.#inPast) return this.#current.receive(max, call);
    if (this.#end !== undefined) {
      // Until the end is acked it is unsettled, unless its channel was lost: then this rejects.
      if (this.#current.oldest === undefined) return this.#current.receive(max, call);
      if (this.#current.oldest !== this.#end) await this.#nextSettlement(call.signal);
      if (this.#current.oldest === this.#end && !call.signal.aborted) await this.#begin();
      return [];
    }
    let batch: readonly ReceivedMessage[];
    try {
      batch = await this.#current.receive(max, call);
    } catch (cause) {
      // Another member finished the past and took its queue away; or its node went, and it is not finished.
      if (this.#closed || (cause as { code?: unknown }).code !== "NOT_FOUND") throw cause;
      if (await this.#past.exists()) throw cause;
      await this.#begin();
      return [];
    }
    const last = batch.at(-1) as RabbitmqDelivery | undefined;
    if (last?.native.properties.type !== endOfPast) return batch;
    this.#end = last;
    return batch.slice(0, -1);
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    const outcomes = await this.#current.settle(batch);
    this.#settled?.();
    return outcomes;
  }

  close(options: CloseConsumerOptions): Promise<void> {
    this.#closed = true;
    this.#settled?.();
    return this.#current.close(options);
  }

  /** The past's queue is deleted before its end is acked: without that mark the next member would wait for it. */
  async #begin(): Promise<void> {
    if (this.#end !== undefined) await this.#past.remove();
    const past = this.#current;
    const present = await this.#openPresent();
    this.#current = present;
    this.#inPast = false;
    await past.close(nothingStarted);
    if (this.#closed) await present.close(nothingStarted);
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
