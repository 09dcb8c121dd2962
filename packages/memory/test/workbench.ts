import type {
  Address,
  Call,
  Connection,
  ConnectionHooks,
  Consumer,
  ConsumerHooks,
  ReceivedMessage,
  Settlement,
  Source,
  WireMessage,
} from "@waybill/core/spi";
import { type BrokerOptions, MemoryBroker, memory, virtualClock } from "../src/index.ts";

const call = { signal: new AbortController().signal };
const consumerHooks: ConsumerHooks = { revoking: async () => {}, revoked: () => {} };

type Nature = Partial<Pick<Address, "ordered" | "retained">>;

export function topic(name: string, nature: Nature = {}): Address {
  return {
    kind: "topic",
    name,
    group: undefined,
    brokerName: name,
    brokerGroup: undefined,
    ordered: false,
    retained: false,
    ...nature,
  };
}

export function group(name: string, group: string, nature: Nature = {}): Address {
  return { ...topic(name, nature), kind: "group", group, brokerGroup: group };
}

export function queue(name: string, nature: Nature = {}): Address {
  return { ...topic(name, nature), kind: "queue" };
}

export function inbox(name: string): Address {
  return { ...topic(name), kind: "inbox" };
}

let count = 0;

export function message(text: string, rest: Partial<WireMessage> = {}): WireMessage {
  return {
    id: `m-${++count}`,
    publishToken: `t-${count}`,
    body: new TextEncoder().encode(text),
    contentType: "text/plain",
    key: undefined,
    timestamp: 0,
    headers: {},
    delayMs: 0,
    expiresAt: undefined,
    replyTo: undefined,
    correlationId: undefined,
    ...rest,
  };
}

export function texts(deliveries: readonly ReceivedMessage[]): string[] {
  return deliveries.map((delivery) => new TextDecoder().decode(delivery.body));
}

/** A broker on a virtual clock, and short words for what core says to a driver. */
export async function workbench({ leaseMs = 30_000, ...options }: BrokerOptions & { leaseMs?: number } = {}) {
  const clock = virtualClock(1_000_000);
  const broker = new MemoryBroker({ clock, ...options });
  const lost: unknown[] = [];
  const hooks: ConnectionHooks = { lost: (cause) => lost.push(cause), report: () => {} };
  const connect = () => memory({ broker, leaseMs }).connect(hooks, call);
  const connection = await connect();
  return {
    clock,
    broker,
    lost,
    connect,
    connection,
    ensure: (...addresses: Address[]) =>
      connection.topology.ensure(
        addresses.map((address) => ({ address, start: { from: "latest" }, filter: undefined })),
        call,
      ),
    publish: (to: Address, ...batch: (string | WireMessage)[]) =>
      connection.publish(
        to,
        batch.map((item) => (typeof item === "string" ? message(item) : item)),
        call,
      ),
    consume: (address: Address, source: Partial<Source> & { over?: Connection } = {}) => {
      const { over = connection, ...rest } = source;
      return over
        .consume(
          {
            address,
            start: { from: "latest" },
            filter: undefined,
            prefetch: 100,
            prefetchBytes: 1e6,
            ...rest,
          },
          consumerHooks,
          call,
        )
        .then((consumer) => new TestConsumer(consumer));
    },
  };
}

/** A consumer, in short words. */
export class TestConsumer {
  readonly consumer: Consumer;

  constructor(consumer: Consumer) {
    this.consumer = consumer;
  }

  receive(max = 100, signal: Call["signal"] = call.signal): Promise<readonly ReceivedMessage[]> {
    return this.consumer.receive(max, { signal });
  }

  /** What is there now, or nothing. */
  async poll(max = 100): Promise<readonly ReceivedMessage[]> {
    const abort = new AbortController();
    const received = this.consumer.receive(max, { signal: abort.signal });
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    return received;
  }

  settle(batch: readonly Settlement[]) {
    return this.consumer.settle(batch, call);
  }

  ack(...deliveries: readonly ReceivedMessage[]) {
    return this.settle(deliveries.map((delivery) => ({ delivery, outcome: "ack" })));
  }

  retry(delivery: ReceivedMessage | undefined, delayMs = 0) {
    return this.settle([{ delivery: delivery as ReceivedMessage, outcome: "retry", delayMs }]);
  }

  extend(...deliveries: readonly ReceivedMessage[]) {
    return this.consumer.extend?.(deliveries, call);
  }

  /** Of what it holds, the handlers of these were called. */
  close(...started: readonly ReceivedMessage[]) {
    return this.consumer.close({ started: new Set(started), delayed: new Map() });
  }
}
