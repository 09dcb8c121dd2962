import type { ErrorCode } from "../src/errors/codes.ts";
import type { Address, Source } from "../src/spi/address.ts";
import type { Call } from "../src/spi/call.ts";
import type { Capabilities } from "../src/spi/capabilities.ts";
import type {
  Classification,
  CloseConsumerOptions,
  Connection,
  ConnectionHooks,
  Consumer,
  ConsumerHooks,
  Driver,
} from "../src/spi/driver.ts";
import type { ReceivedMessage, WireMessage } from "../src/spi/message.ts";
import type { NamingRule } from "../src/spi/naming.ts";
import { PushQueue } from "../src/spi/push-queue.ts";
import type { PublishOutcome, Settlement, SettleOutcome } from "../src/spi/settlement.ts";
import { stored } from "../src/spi/settlement.ts";
import type { Topology, TopologyItem, TopologyState } from "../src/spi/topology.ts";

/** A broker that can do everything, each delivery settled on its own, a retry kept by the broker. */
export const everything = {
  features: {
    delay: { how: "native", maxMs: 60_000, lateMs: 0 },
    ttl: { how: "native" },
    ordering: { how: "native" },
    filters: { how: "emulated" },
    broadcast: { how: "native" },
    replay: { how: "native", from: ["earliest", "time", "position"] },
    groupStart: { how: "native", from: ["earliest"] },
    requestReply: { how: "native" },
  },
  settlement: "individual",
  retry: { how: "native", maxDelayMs: 60_000 },
  attempts: "exact",
  retention: "groups",
  lease: undefined,
  reportsUnrouted: true,
  publishing: { maxMessages: 100, maxBytes: 1_000_000, inFlight: 2 },
  limits: { messageBytes: 10_000 },
} as const satisfies Capabilities;

/** An error of the vendor's, which the driver knows how to read. */
export class VendorError extends Error {
  readonly meaning: Classification;

  constructor(code: ErrorCode, retryable?: boolean) {
    super(`vendor says ${code}`);
    this.meaning = { code, ...(retryable === undefined ? {} : { retryable }) };
  }
}

/** What the broker does in one test. Whatever is left out goes well. */
export interface Script {
  readonly capabilities?: Partial<Capabilities>;
  readonly naming?: Partial<NamingRule>;
  connect?(attempt: number, call: Call): unknown;
  publish?(
    batch: readonly WireMessage[],
    to: Address,
    call: Call,
  ): Answer<readonly PublishOutcome[] | undefined>;
  ensure?(item: TopologyItem): unknown;
  inspect?(address: Address): Answer<Partial<TopologyState>>;
  consume?(consumer: ScriptedConsumer): unknown;
  settle?(batch: readonly Settlement[]): Answer<readonly SettleOutcome[] | undefined>;
  /** Answers with those that are lost. */
  extend?(batch: readonly ReceivedMessage[]): Answer<readonly ReceivedMessage[] | undefined>;
  closeConnection?(): unknown;
  closeConsumer?(): unknown;
  /** True for a broker whose prefetch may change while a consumer lives. */
  readonly growingPrefetch?: boolean;
  /** For a broker where the count of what is held can be changed: what became of that. */
  recount?(message: ReceivedMessage, redeliveries: number): Promise<void>;
  /** What the broker's clock shows. */
  brokerTime?(): number | undefined;
  /** False for a broker that cannot pause single partitions. */
  readonly pausesPartitions?: boolean;
}

type Answer<T> = T | Promise<T>;

/** A driver that does what a test tells it to, and remembers what core asked of it. */
export class ScriptedDriver implements Driver<typeof everything> {
  readonly specVersion = "1";
  readonly name = "scripted";
  readonly capabilities: typeof everything;
  readonly naming: NamingRule;
  readonly connections: ScriptedConnection[] = [];
  readonly consumers: ScriptedConsumer[] = [];
  readonly published: { readonly to: Address; readonly batch: readonly WireMessage[] }[] = [];
  readonly ensured: TopologyItem[] = [];
  readonly removed: Address[] = [];
  readonly script: Script;
  attempts = 0;

  constructor(script: Script = {}) {
    this.script = script;
    this.capabilities = { ...everything, ...script.capabilities } as typeof everything;
    this.naming = { rule: "Anything goes.", toBrokerName: (name) => name, ...script.naming };
  }

  async connect(hooks: ConnectionHooks, call: Call): Promise<Connection> {
    this.attempts++;
    await this.script.connect?.(this.attempts, call);
    const connection = new ScriptedConnection(this, hooks);
    this.connections.push(connection);
    return connection;
  }

  classify(cause: unknown): Classification | undefined {
    return cause instanceof VendorError ? cause.meaning : undefined;
  }

  get connection(): ScriptedConnection {
    return this.connections.at(-1) as ScriptedConnection;
  }

  /** The newest consumer, of this source where one is named. */
  consumer(name?: string): ScriptedConsumer {
    const found = this.consumers.findLast((each) => name === undefined || each.source.address.name === name);
    if (found === undefined) throw new Error(`nobody consumes ${name ?? "anything"}`);
    return found;
  }

  /** All messages given to a destination, however they were batched. */
  sent(name: string): WireMessage[] {
    return this.published.filter(({ to }) => to.name === name).flatMap(({ batch }) => batch);
  }
}

export class ScriptedConnection implements Connection {
  readonly native = "the vendor's client";
  readonly hooks: ConnectionHooks;
  readonly brokerTime?: () => number | undefined;
  closed = 0;
  readonly #driver: ScriptedDriver;

  constructor(driver: ScriptedDriver, hooks: ConnectionHooks) {
    this.#driver = driver;
    this.hooks = hooks;
    const { brokerTime } = driver.script;
    if (brokerTime !== undefined) this.brokerTime = brokerTime;
  }

  async publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    this.#driver.published.push({ to, batch });
    return (await this.#driver.script.publish?.(batch, to, call)) ?? batch.map(() => stored);
  }

  async consume(source: Source, hooks: ConsumerHooks, call: Call): Promise<Consumer> {
    const consumer = new ScriptedConsumer(this.#driver.script, source, hooks, call);
    this.#driver.consumers.push(consumer);
    await this.#driver.script.consume?.(consumer);
    return consumer;
  }

  readonly topology: Topology = {
    ensure: async (items) => {
      for (const item of items) {
        this.#driver.ensured.push(item);
        await this.#driver.script.ensure?.(item);
      }
    },
    inspect: async (addresses) => {
      const states: TopologyState[] = [];
      for (const address of addresses) {
        const said = await this.#driver.script.inspect?.(address);
        states.push({ address, exists: true, differences: [], ...said });
      }
      return states;
    },
    remove: async (addresses) => void this.#driver.removed.push(...addresses),
  };

  async close(): Promise<void> {
    this.closed++;
    await this.#driver.script.closeConnection?.();
  }
}

export class ScriptedConsumer implements Consumer {
  readonly source: Source;
  readonly hooks: ConsumerHooks;
  /** What came with the call that began it. */
  readonly call: Call;
  /** Settlements, call by call. */
  readonly settlements: (readonly Settlement[])[] = [];
  readonly extended: (readonly ReceivedMessage[])[] = [];
  readonly pausedPartitions: (readonly string[])[] = [];
  /** The largest number that core asked for at once. */
  asked = 0;
  closed = 0;
  /** What core said when it closed it. */
  closedWith: CloseConsumerOptions | undefined;
  /** What core said of it when it closed: those whose handler had been called. */
  startedAtClose: readonly ReceivedMessage[] | undefined;
  readonly pausePartitions?: (partitions: readonly string[]) => void;
  readonly setPrefetch?: (prefetch: number) => void;
  readonly setRedeliveries?: (message: ReceivedMessage, redeliveries: number) => Promise<void>;
  readonly prefetches: number[] = [];
  readonly #script: Script;
  readonly #arrived = new PushQueue<ReceivedMessage>();

  constructor(script: Script, source: Source, hooks: ConsumerHooks, call: Call) {
    this.#script = script;
    this.call = call;
    this.source = source;
    this.hooks = hooks;
    if (script.recount !== undefined) this.setRedeliveries = script.recount;
    if (script.growingPrefetch === true) this.setPrefetch = (prefetch) => void this.prefetches.push(prefetch);
    if (script.pausesPartitions !== false)
      this.pausePartitions = (partitions) => void this.pausedPartitions.push(partitions);
  }

  /** The broker has these for the consumer. */
  deliver(...deliveries: readonly ReceivedMessage[]): void {
    for (const delivery of deliveries) this.#arrived.push(delivery);
  }

  /** The consumer cannot go on. */
  fail(cause: unknown): void {
    this.#arrived.fail(cause);
  }

  /** Delivered by the broker, and not taken by core yet. */
  get waiting(): number {
    return this.#arrived.size;
  }

  /** What was settled so far: `ack 1`, `retry 2 after 500`. */
  get settled(): string[] {
    return this.settlements.flat().map((settlement) => {
      const text = new TextDecoder().decode(settlement.delivery.body);
      return settlement.outcome === "ack" ? `ack ${text}` : `retry ${text} after ${settlement.delayMs}`;
    });
  }

  receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    this.asked = Math.max(this.asked, max);
    return this.#arrived.receive(max, call.signal, 2 ** 31 - 1);
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    this.settlements.push(batch);
    return (await this.#script.settle?.(batch)) ?? batch.map(() => "settled");
  }

  async extend(batch: readonly ReceivedMessage[]): Promise<readonly ReceivedMessage[]> {
    this.extended.push(batch);
    return (await this.#script.extend?.(batch)) ?? [];
  }

  async close(options: CloseConsumerOptions): Promise<void> {
    this.closed++;
    this.closedWith ??= options;
    this.startedAtClose = [...options.started];
    await this.#script.closeConsumer?.();
  }
}
