import {
  type Address,
  type Connection,
  type ConnectionHooks,
  type Consumer,
  type ConsumerHooks,
  MessagingError,
  type PublishOutcome,
  type Source,
  stored,
  type Topology,
  type WireMessage,
} from "@waybill/core/spi";
import type { LogBroker } from "./log-broker.ts";
import { LogConsumer } from "./log-consumer.ts";

/** One client's way to the log. */
export class LogConnection implements Connection {
  readonly native = undefined;
  readonly topology: Topology;
  readonly #broker: LogBroker;
  readonly #hooks: ConnectionHooks;
  readonly #consumers = new Set<LogConsumer>();
  #ended: { readonly cause: unknown } | undefined;

  constructor(broker: LogBroker, hooks: ConnectionHooks) {
    this.#broker = broker;
    this.#hooks = hooks;
    this.topology = {
      ensure: async (items) => {
        this.#checkOpen();
        for (const { address } of items) broker.ensure(address);
      },
      inspect: async (addresses) => {
        this.#checkOpen();
        return addresses.map((address) => broker.inspect(address));
      },
      remove: async () => {},
    };
  }

  async publish(to: Address, batch: readonly WireMessage[]): Promise<readonly PublishOutcome[]> {
    this.#checkOpen();
    const outcomes = batch.map(() => stored);
    this.#broker.publish(to, batch, outcomes);
    return outcomes;
  }

  async consume({ address }: Source, hooks: ConsumerHooks): Promise<Consumer> {
    this.#checkOpen();
    const { clock, events } = this.#broker;
    const consumer = new LogConsumer(address, this.#broker.group(address), hooks, clock, events.settled);
    this.#consumers.add(consumer);
    return consumer;
  }

  brokerTime(): number {
    return this.#broker.clock.now();
  }

  async close(): Promise<void> {
    this.#end(new MessagingError("CLOSED", "The connection is closed."));
  }

  break(cause: unknown): void {
    if (this.#ended !== undefined) return;
    this.#end(cause);
    this.#hooks.lost(cause);
  }

  #end(cause: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { cause };
    this.#broker.connections.delete(this);
    for (const consumer of this.#consumers) consumer.fail(cause);
  }

  #checkOpen(): void {
    if (this.#ended !== undefined) throw this.#ended.cause;
  }
}
