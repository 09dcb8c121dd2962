import type { Call, Clock, Consumer, Delivery, Settlement, SettleOutcome } from "@waybill/core/spi";
import type { Outlet } from "./broker.ts";
import type { MemoryDelivery } from "./delivery.ts";
import { Member } from "./member.ts";

/** One consumer of one queue, group, subscription or inbox. */
export class MemoryConsumer implements Consumer {
  readonly #outlet: Outlet;
  readonly #member: Member;
  readonly #clock: Clock;
  readonly #onEnded: (consumer: MemoryConsumer) => void;
  #ended = false;

  constructor(outlet: Outlet, clock: Clock, onEnded: (consumer: MemoryConsumer) => void) {
    this.#outlet = outlet;
    this.#member = new Member(outlet.queue, clock);
    this.#clock = clock;
    this.#onEnded = onEnded;
  }

  receive(max: number, call: Call): Promise<readonly Delivery[]> {
    return this.#member.receive(max, call.signal);
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    return batch.map((settlement) => this.#settleOne(settlement));
  }

  async extend(batch: readonly Delivery[]): Promise<void> {
    const now = this.#clock.now();
    for (const delivery of batch as readonly MemoryDelivery[]) {
      if (this.#holds(delivery)) this.#outlet.queue.extend(delivery, now);
    }
  }

  holdBack(lanes: readonly string[]): void {
    this.#member.heldBack = new Set(lanes);
    this.#outlet.queue.wake();
  }

  async close(): Promise<void> {
    this.end(undefined);
  }

  /** For this cause, or because it was wished. */
  end(cause: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (cause === undefined) this.#member.close();
    else this.#member.fail(cause);
    this.#outlet.release();
    this.#onEnded(this);
  }

  #settleOne(settlement: Settlement): SettleOutcome {
    const delivery = settlement.delivery as MemoryDelivery;
    if (!this.#holds(delivery)) return "lost";
    if (settlement.outcome === "ack") this.#outlet.queue.ack(delivery);
    else this.#outlet.queue.retry(delivery, settlement.delayMs);
    return "settled";
  }

  #holds(delivery: MemoryDelivery): boolean {
    return delivery.state === "held" && delivery.holder === this.#member;
  }
}
