import type { Address, Driver, PublishOutcome, Settlement, WireMessage } from "@waybill/core/spi";
import type { ModelClock } from "./model-time.ts";

/** Hears what happens on the broker, as it happens. */
export interface BrokerEvents {
  published(to: Address, batch: readonly WireMessage[], outcomes: readonly PublishOutcome[]): void;
  settled(from: Address, settlement: Settlement): void;
}

/** A broker that lives in this process and goes by the program's clock. */
export interface ModelBroker {
  /** It has request and reply. */
  readonly hasRequests: boolean;
  /** A driver to it, with leases of so many milliseconds where it has any. */
  driver(leaseMs: number): Driver;
  /** Takes no connections, and cuts all there are, until `start`. */
  stop(): void;
  start(): void;
  /** Spreads partitions anew, where there are any. */
  movePartitions(by: number): void;
  /** Messages that nobody has settled, of one queue or group; delayed and held ones included. */
  unsettled(name: string, group: string | undefined): number;
}

/** One kind of broker: what it can do decides which ways core takes. */
export interface Variant {
  readonly name: string;
  /** What is particular about it, in a sentence. */
  readonly about: string;
  /** The broker counts what was delivered and not settled, so that attempts are exact also after a crash. */
  readonly countsAttempts: boolean;
  open(clock: ModelClock, events: BrokerEvents): ModelBroker;
}
