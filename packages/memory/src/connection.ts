import {
  type Address,
  type Connection,
  type ConnectionHooks,
  type Consumer,
  nothingStarted,
  type PublishOutcome,
  type Source,
  type WireMessage,
} from "@waybill/core/spi";
import type { MemoryBroker } from "./broker/broker.ts";
import { MemoryConsumer } from "./consumer.ts";
import { closed } from "./errors.ts";
import type { Settings } from "./options.ts";
import { MemoryPublisher } from "./publisher.ts";
import { MemoryTopology } from "./topology.ts";

/** One client's way to the broker. Ending it ends its consumers. */
export class MemoryConnection implements Connection {
  readonly native: MemoryBroker;
  readonly broker = { name: "Waybill embedded broker", version: undefined };
  readonly topology: MemoryTopology;
  readonly #publisher: MemoryPublisher;
  readonly #leaseMs: number;
  readonly #hooks: ConnectionHooks;
  readonly #consumers = new Set<MemoryConsumer>();
  #ended: { readonly cause: unknown } | undefined;

  /** Rejects with a MessagingError `UNREACHABLE` while the broker is stopped. */
  static async open({ broker, leaseMs }: Settings, hooks: ConnectionHooks): Promise<MemoryConnection> {
    const connection = new MemoryConnection(broker, leaseMs, hooks);
    broker.attach(connection);
    return connection;
  }

  private constructor(broker: MemoryBroker, leaseMs: number, hooks: ConnectionHooks) {
    this.native = broker;
    const checkOpen = () => this.#checkOpen();
    this.topology = new MemoryTopology(broker, checkOpen);
    this.#publisher = new MemoryPublisher(broker, checkOpen);
    this.#leaseMs = leaseMs;
    this.#hooks = hooks;
  }

  publish(to: Address, batch: readonly WireMessage[]): Promise<readonly PublishOutcome[]> {
    return this.#publisher.publish(to, batch);
  }

  async consume(from: Source): Promise<Consumer> {
    this.#checkOpen();
    const claim = await this.native.claim(from);
    if (this.#ended !== undefined) claim.release();
    this.#checkOpen();
    const consumer = new MemoryConsumer(this.native, from, claim, this.#leaseMs, (ended) =>
      this.#consumers.delete(ended),
    );
    this.#consumers.add(consumer);
    return consumer;
  }

  /** Its own clock: every client of this process has the same broker. */
  brokerTime(): number {
    return this.native.settings.clock.now();
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#ended = { cause: closed("connection") };
    this.native.detach(this);
    await Promise.all([...this.#consumers].map((consumer) => consumer.close(nothingStarted)));
  }

  /** For the broker: the connection fails. */
  break(cause: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { cause };
    this.native.detach(this);
    for (const consumer of this.#consumers) consumer.fail(cause);
    this.#hooks.lost(cause);
  }

  #checkOpen(): void {
    if (this.#ended !== undefined) throw this.#ended.cause;
  }
}
