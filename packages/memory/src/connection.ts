import type {
  Address,
  Connection,
  ConnectionHooks,
  Consumer,
  PublishOutcome,
  Source,
  WireMessage,
} from "@waybill/core/spi";
import type { MemoryBroker } from "./broker/broker.ts";
import { MemoryConsumer } from "./consumer.ts";
import { closed } from "./errors.ts";
import { MemoryTopology } from "./topology.ts";

/** One client's way to the broker. Ending it ends its consumers. */
export class MemoryConnection implements Connection {
  readonly native: MemoryBroker;
  readonly broker = { name: "Waybill embedded broker", version: undefined };
  readonly topology: MemoryTopology;
  readonly #leaseMs: number;
  readonly #hooks: ConnectionHooks;
  readonly #consumers = new Set<MemoryConsumer>();
  #ended: { readonly cause: unknown } | undefined;

  /** @throws MessagingError `UNREACHABLE` */
  constructor(broker: MemoryBroker, leaseMs: number, hooks: ConnectionHooks) {
    this.native = broker;
    this.topology = new MemoryTopology(broker, () => this.#checkOpen());
    this.#leaseMs = leaseMs;
    this.#hooks = hooks;
    broker.attach(this);
  }

  async publish(to: Address, batch: readonly WireMessage[]): Promise<readonly PublishOutcome[]> {
    this.#checkOpen();
    return this.native.publish(to, batch);
  }

  async consume(from: Source): Promise<Consumer> {
    this.#checkOpen();
    const consumer = new MemoryConsumer(this.native, from, this.#leaseMs, (ended) =>
      this.#consumers.delete(ended),
    );
    this.#consumers.add(consumer);
    return consumer;
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#ended = { cause: closed("connection") };
    this.native.detach(this);
    for (const consumer of this.#consumers) consumer.end(undefined);
  }

  /** For the broker: the connection fails. */
  break(cause: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { cause };
    this.native.detach(this);
    for (const consumer of this.#consumers) consumer.end(cause);
    this.#hooks.lost(cause);
  }

  #checkOpen(): void {
    if (this.#ended !== undefined) throw this.#ended.cause;
  }
}
