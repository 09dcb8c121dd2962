import { createConnection, Socket } from "node:net";
import type {
  Address,
  Call,
  Connection,
  Consumer,
  ConsumerHooks,
  Delivery,
  PublishOutcome,
  Source,
  StartPosition,
  WireMessage,
} from "@waybill/core/spi";
import { kafka } from "../src/index.ts";
import type { KafkaOptions } from "../src/options.ts";

/** The broker under test: the environment's, or the one where local brokers usually listen. */
const url = process.env.WAYBILL_KAFKA_URL || "kafka://127.0.0.1:9092";

export const call: Call = { signal: new AbortController().signal };

/** Connections and names of one test, taken away after it. */
export class Workbench {
  readonly reports: unknown[] = [];
  readonly #connections: Connection[] = [];
  readonly #addresses: Address[] = [];
  readonly #suffix = Math.random().toString(36).slice(2, 8);

  async connect(options: KafkaOptions = {}): Promise<Connection> {
    const [broker = ""] = /[^/@]+$/.exec(url) ?? [];
    const driver = kafka({ brokers: broker.split(","), sessionTimeoutMs: 6_000, partitions: 4, ...options });
    const connection = await driver.connect(
      {
        lost: () => {
          throw new Error("Kafka connections heal themselves.");
        },
        report: (cause) => this.reports.push(cause),
      },
      call,
    );
    this.#connections.push(connection);
    return connection;
  }

  /** A connection that can be made to vanish, as if its process had died. */
  async connectMortal(options: KafkaOptions = {}): Promise<{ connection: Connection; kill: () => void }> {
    const sockets = new Set<Socket>();
    let dead = false;
    const connection = await this.connect({
      ...options,
      openSocket: (to) => {
        const socket = dead ? new Socket() : createConnection(to);
        if (dead) setImmediate(() => socket.destroy(new Error("dead")));
        sockets.add(socket);
        return socket;
      },
    });
    const kill = () => {
      dead = true;
      for (const socket of sockets) socket.destroy(new Error("dead"));
    };
    return { connection, kill };
  }

  address(kind: Address["kind"], name: string, group?: string): Address {
    const physical = `kafka-test.${name}.${this.#suffix}`;
    const address = { kind, name, group, physical, physicalGroup: group, ordered: true, retained: false };
    this.#addresses.push(address);
    return address;
  }

  async ensure(
    connection: Connection,
    address: Address,
    start: StartPosition = { from: "latest" },
  ): Promise<void> {
    await connection.topology.ensure([{ address, start, filter: undefined }], call);
  }

  /** A destination that exists, made through this connection. */
  async made(connection: Connection, kind: Address["kind"], name: string, group?: string): Promise<Address> {
    const address = this.address(kind, name, group);
    await this.ensure(connection, address);
    return address;
  }

  async end(): Promise<void> {
    const last = await this.connect();
    const earlier = this.#connections.filter((connection) => connection !== last);
    await Promise.all(earlier.map((connection) => connection.close()));
    // Groups whose member died in the test refuse until its session is over; their topics go all the same.
    for (const address of this.#addresses) {
      await last.topology.remove([address], call).catch(() => {});
      if (address.kind === "group") await last.topology.remove([{ ...address, kind: "topic" }], call);
    }
    await last.close();
  }
}

let made = 0;

export function message(fields: Partial<WireMessage> = {}): WireMessage {
  return {
    id: `m-${++made}`,
    body: Buffer.from(`body ${made}`),
    contentType: "text/plain",
    key: undefined,
    timestamp: Date.now(),
    headers: {},
    delayMs: 0,
    expiresAt: undefined,
    replyTo: undefined,
    correlationId: undefined,
    ...fields,
  };
}

export async function publish(
  connection: Connection,
  to: Address,
  ...batch: readonly WireMessage[]
): Promise<readonly PublishOutcome[]> {
  const outcomes = await connection.publish(to, batch, call);
  for (const outcome of outcomes) if (!outcome.ok) throw outcome.cause;
  return outcomes;
}

export function source(address: Address, fields: Partial<Source> = {}): Source {
  return { address, start: { from: "latest" }, filter: undefined, prefetch: 100, ...fields };
}

export const noHooks: ConsumerHooks = { revoking: async () => {}, revoked: () => {} };

/** Receives until there are so many, and no more come for a moment. */
export async function receive(
  consumer: Consumer,
  count: number,
  withinMs = 20_000,
): Promise<readonly Delivery[]> {
  const deliveries: Delivery[] = [];
  const deadline = AbortSignal.timeout(withinMs);
  while (deliveries.length < count && !deadline.aborted) {
    deliveries.push(...(await consumer.receive(count - deliveries.length, { signal: deadline })));
  }
  return deliveries;
}

/** What comes within this time. */
export async function receiveFor(consumer: Consumer, ms: number): Promise<readonly Delivery[]> {
  return receive(consumer, Number.POSITIVE_INFINITY, ms);
}

export function ack(consumer: Consumer, deliveries: readonly Delivery[]) {
  return consumer.settle(
    deliveries.map((delivery) => ({ delivery, outcome: "ack" as const })),
    call,
  );
}

export const ids = (deliveries: readonly { readonly id: string }[]): readonly string[] =>
  deliveries.map(({ id }) => id);

export async function until(condition: () => boolean, withinMs = 20_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("It did not come true in time.");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
