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
import { Redis } from "ioredis";
import { type RedisOptions, redis } from "../src/index.ts";
import { naming } from "../src/naming.ts";

export { message, messages } from "./message.ts";

/** The server under test: the environment's, or the one where local brokers usually listen. */
const url = process.env.WAYBILL_REDIS_URL || "redis://127.0.0.1:6379";

export const call: Call = { signal: new AbortController().signal };

/** Connections and names of one test, taken away after it. */
export class Workbench {
  readonly lost: unknown[] = [];
  readonly reports: unknown[] = [];
  /** The vendor client, to look at what is there. */
  readonly plain = new Redis(url);
  readonly #connections: Connection[] = [];
  readonly #addresses: Address[] = [];
  readonly #suffix = Math.random().toString(36).slice(2, 8);

  driver(options: RedisOptions = {}) {
    const { hostname, port } = new URL(url);
    return redis({ host: hostname, port: Number(port || 6379), acceptVolatile: true, ...options });
  }

  async connect(options: RedisOptions = {}, driver = this.driver(options)): Promise<Connection> {
    const hooks = {
      lost: (cause: unknown) => void this.lost.push(cause),
      report: (cause: unknown) => void this.reports.push(cause),
    };
    const connection = await driver.connect(hooks, call);
    this.#connections.push(connection);
    return connection;
  }

  address(kind: Address["kind"], name: string, more: Partial<Address> = {}): Address {
    const physical = naming.toPhysical(`redis-test.${name}.${this.#suffix}`, kind) as string;
    const group = kind === "group" ? (more.group ?? "billing") : undefined;
    const plain = { kind, name, group, physical, physicalGroup: group, ordered: false, retained: false };
    const address: Address = { ...plain, ...more };
    this.#addresses.push(address);
    return address;
  }

  /** A destination that exists. */
  async made(
    connection: Connection,
    kind: Address["kind"],
    name: string,
    more: Partial<Address> & { readonly start?: StartPosition } = {},
  ): Promise<Address> {
    const { start = { from: "latest" }, ...rest } = more;
    const address = this.address(kind, name, rest);
    await connection.topology.ensure([{ address, start, filter: undefined }], call);
    return address;
  }

  async end(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
    const last = await this.connect();
    await last.topology.remove(this.#addresses, call);
    await last.close();
    this.plain.disconnect();
  }
}

export async function publish(
  connection: Connection,
  to: Address,
  batch: readonly WireMessage[],
): Promise<readonly PublishOutcome[]> {
  const outcomes = await connection.publish(to, batch, call);
  for (const outcome of outcomes) if (!outcome.ok) throw outcome.cause;
  return outcomes;
}

export function source(address: Address, start: StartPosition = { from: "latest" }): Source {
  return { address, start, filter: undefined, prefetch: 100 };
}

export const noHooks: ConsumerHooks = { revoking: async () => {}, revoked: () => {} };

/** Receives until there are so many, or until the time is over. */
export async function receive(
  consumer: Consumer,
  count: number,
  withinMs = 10_000,
): Promise<readonly Delivery[]> {
  const deliveries: Delivery[] = [];
  const deadline = AbortSignal.timeout(withinMs);
  while (deliveries.length < count && !deadline.aborted) {
    deliveries.push(...(await consumer.receive(count - deliveries.length, { signal: deadline })));
  }
  return deliveries;
}

export function ack(consumer: Consumer, deliveries: readonly Delivery[]) {
  return consumer.settle(
    deliveries.map((delivery) => ({ delivery, outcome: "ack" as const })),
    call,
  );
}

export function retry(consumer: Consumer, deliveries: readonly Delivery[], delayMs: number) {
  return consumer.settle(
    deliveries.map((delivery) => ({ delivery, outcome: "retry" as const, delayMs })),
    call,
  );
}

export const ids = (of: readonly { readonly id: string }[]): string[] => of.map(({ id }) => id);

export async function until(condition: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("It did not come true in time.");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
