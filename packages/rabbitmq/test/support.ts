import { randomBytes } from "node:crypto";
import type {
  Address,
  Call,
  Connection,
  ConnectionHooks,
  Consumer,
  ConsumerHooks,
  Delivery,
  Source,
  TopologyItem,
  WireMessage,
} from "@waybill/core/spi";
import { adapter } from "../src/index.ts";

export const brokerUrl = process.env.WAYBILL_RABBITMQ_URL || "amqp://guest:guest@127.0.0.1:5672";

export const call: Call = { signal: new AbortController().signal };

export function uniqueName(): string {
  return `rabbitmq-test-${randomBytes(6).toString("hex")}`;
}

export function address(kind: Address["kind"], name: string, more: Partial<Address> = {}): Address {
  const group = kind === "group" ? "billing" : undefined;
  return {
    kind,
    name,
    group,
    physical: name,
    physicalGroup: group,
    ordered: false,
    retained: false,
    ...more,
  };
}

let ids = 0;

export function message(body: string, more: Partial<WireMessage> = {}): WireMessage {
  return {
    id: `m-${ids++}`,
    body: new TextEncoder().encode(body),
    contentType: "text/plain",
    key: undefined,
    timestamp: Date.now(),
    headers: {},
    delayMs: 0,
    expiresAt: undefined,
    replyTo: undefined,
    correlationId: undefined,
    ...more,
  };
}

export function item(of: Address, start: TopologyItem["start"] = { from: "latest" }): TopologyItem {
  return { address: of, start, filter: undefined };
}

export function source(of: Address, more: Partial<Source> = {}): Source {
  return { address: of, start: { from: "latest" }, filter: undefined, prefetch: 100, ...more };
}

export const consumerHooks: ConsumerHooks = { revoking: async () => undefined, revoked: () => undefined };

export interface Opened {
  readonly connection: Connection;
  readonly lost: unknown[];
  readonly reports: unknown[];
}

export async function open(url = brokerUrl): Promise<Opened> {
  const lost: unknown[] = [];
  const reports: unknown[] = [];
  const hooks: ConnectionHooks = {
    lost: (cause) => lost.push(cause),
    report: (cause) => reports.push(cause),
  };
  return { connection: await adapter.fromUrl(url, {}).connect(hooks, call), lost, reports };
}

/** Receives until there are `count`, or until the time is over. */
export async function receive(
  consumer: Consumer,
  count: number,
  options: { readonly ack?: boolean; readonly withinMs?: number } = {},
): Promise<Delivery[]> {
  const { ack = true, withinMs = 10_000 } = options;
  const all: Delivery[] = [];
  const signal = AbortSignal.timeout(withinMs);
  while (all.length < count && !signal.aborted) {
    const batch = await consumer.receive(count - all.length, { signal });
    all.push(...batch);
    if (ack && batch.length > 0) {
      await consumer.settle(
        batch.map((delivery) => ({ delivery, outcome: "ack" as const })),
        call,
      );
    }
  }
  return all;
}

export function textOf(delivery: Delivery): string {
  return new TextDecoder().decode(delivery.body);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Connections and addresses that a test made, to be gone after it. */
export class Tidy {
  readonly #connections: Connection[] = [];
  readonly #addresses: Address[] = [];

  async open(url?: string): Promise<Opened> {
    const opened = await open(url);
    this.#connections.push(opened.connection);
    return opened;
  }

  async made(connection: Connection, ...items: TopologyItem[]): Promise<void> {
    this.#addresses.push(...items.map(({ address }) => address));
    await connection.topology.ensure(items, call);
  }

  async up(): Promise<void> {
    const { connection } = await open();
    await connection.topology.remove(this.#addresses.splice(0), call);
    await Promise.all([connection, ...this.#connections.splice(0)].map((one) => one.close()));
  }
}
