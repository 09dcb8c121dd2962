import type {
  Address,
  Call,
  CloseConsumerOptions,
  Consumer,
  ReceivedMessage,
  Settlement,
  SettleOutcome,
  Source,
} from "@waybill/core/spi";
import type { Claim, MemoryBroker } from "./broker/broker.ts";
import { Member } from "./broker/member.ts";
import type { MemoryDelivery } from "./delivery.ts";

/** One consumer of one queue, group, subscription or inbox. */
export class MemoryConsumer implements Consumer {
  readonly #broker: MemoryBroker;
  readonly #address: Address;
  readonly #claim: Claim;
  readonly #member: Member;
  readonly #onEnded: (consumer: MemoryConsumer) => void;
  #ended = false;

  constructor(
    broker: MemoryBroker,
    from: Source,
    claim: Claim,
    leaseMs: number,
    onEnded: (consumer: MemoryConsumer) => void,
  ) {
    this.#broker = broker;
    this.#address = from.address;
    this.#claim = claim;
    this.#member = new Member(this.#claim.queue, broker.settings.clock, leaseMs, from.prefetchBytes);
    this.#onEnded = onEnded;
  }

  receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    return this.#member.receive(max, call.signal);
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    return batch.map((settlement) => this.#settleOne(settlement));
  }

  async extend(batch: readonly ReceivedMessage[]): Promise<readonly ReceivedMessage[]> {
    const until = this.#broker.settings.clock.now() + this.#member.leaseMs;
    const lost: ReceivedMessage[] = [];
    for (const delivery of batch as readonly MemoryDelivery[]) {
      if (this.#holds(delivery)) this.#claim.queue.extend(delivery, until);
      else lost.push(delivery);
    }
    return lost;
  }

  /** It fetches nothing ahead: what core asks for is what it gets. */
  setPrefetch(): void {}

  async setRedeliveries(message: ReceivedMessage, redeliveries: number): Promise<void> {
    const delivery = message as MemoryDelivery;
    if (this.#holds(delivery)) delivery.redeliveries = redeliveries;
  }

  pausePartitions(partitions: readonly string[]): void {
    this.#member.pausedPartitions = new Set(partitions);
    this.#claim.queue.wake();
  }

  async close({ started, delayed }: CloseConsumerOptions): Promise<void> {
    const counts = new Map<ReceivedMessage, number>();
    for (const [message, { delayMs, redeliveries }] of delayed) {
      const delivery = message as MemoryDelivery;
      if (this.#ended || !this.#holds(delivery)) continue;
      if (delayMs > 0) this.#claim.queue.retry(delivery, delayMs, redeliveries);
      else counts.set(delivery, redeliveries);
    }
    this.#end(() =>
      this.#member.close(
        (delivery) => counts.get(delivery) ?? delivery.redeliveries + (started.has(delivery) ? 1 : 0),
      ),
    );
  }

  /** The connection is lost. */
  fail(cause: unknown): void {
    this.#end(() => this.#member.fail(cause));
  }

  #end(leave: () => void): void {
    if (this.#ended) return;
    this.#ended = true;
    leave();
    this.#claim.release();
    this.#onEnded(this);
  }

  #settleOne(settlement: Settlement): SettleOutcome {
    const delivery = settlement.delivery as MemoryDelivery;
    if (!this.#holds(delivery)) return "lost";
    if (settlement.outcome === "ack") this.#claim.queue.ack(delivery);
    else this.#claim.queue.retry(delivery, settlement.delayMs);
    this.#broker.noteSettled(this.#address, settlement);
    return "settled";
  }

  #holds(delivery: MemoryDelivery): boolean {
    return delivery.state === "held" && delivery.holder === this.#member;
  }
}
