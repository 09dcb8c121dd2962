import {
  type AnyQueue,
  type AnyTopic,
  type ClientOptions,
  type ConsumeOptions,
  type Contract,
  connect,
  type Handler,
  type MessagingError,
  type QueueContract,
  type QueueOptions,
  queue,
  type SubscribeOptions,
  type TopicContract,
  type TopicOptions,
  topic,
} from "@waybill/core";
import type { Address, Capabilities, Driver } from "@waybill/core/spi";
import type { AnyClient } from "./any-client.ts";
import { type Collector, collect } from "./collector.ts";
import type { Crashable } from "./crashable.ts";
import { type FaultProxy, openProxy } from "./faults/proxy.ts";
import { type Counts, History, type HistoryOptions, type Numbered, noCounts } from "./history.ts";
import type { ConformanceTarget, Endpoint } from "./target.ts";
import { eventually, inTime, never, waitTimeoutMs } from "./waiting.ts";
import { contractOptions, type Events, eventsOf, type Jobs, jobsOf, type WorkOptions } from "./work.ts";
import { wrapDriver } from "./wrap.ts";

const cleanupMs = 15_000;
/** What a client that a case left open may take to close: its handlers are of no interest any more. */
const abandonMs = 1_000;

/** What a case gets to work with. All that it opens and makes through it is gone when the case ends. */
export class Context {
  readonly target: ConformanceTarget;
  readonly capabilities: Capabilities;
  /** Fires when the case is out of time. */
  readonly signal: AbortSignal;
  /** What reached `onError` of this case's clients, unless they were given their own. */
  readonly background: MessagingError[] = [];
  /** Numbers for the report of this case, by name. */
  readonly measures: Record<string, number> = {};
  readonly #prefix: string;
  readonly #timeoutScale: number;
  readonly #histories: History[] = [];
  readonly #clients: AnyClient[] = [];
  readonly #made = new Map<string, Address>();
  readonly #endings: (() => unknown)[] = [];
  #named = 0;

  /**
   * @param id Unique among the cases that may run at the same broker, and short.
   * @param timeoutScale How long to wait for what must come, as a share of what the cases say.
   */
  constructor(target: ConformanceTarget, id: string, signal: AbortSignal, timeoutScale = 1) {
    this.target = target;
    this.capabilities = target.driver().capabilities;
    this.#prefix = id;
    this.#timeoutScale = timeoutScale;
    this.signal = signal;
  }

  // ── Names and contracts ─────────────────────────────────────────────────────

  /** A short portable name that nothing else on this broker has. */
  name(): string {
    return `${this.#prefix}-${(this.#named++).toString(36)}`;
  }

  topic<In = unknown, Out = In>(options?: TopicOptions<In, Out>): TopicContract<In, Out> {
    return topic<In, Out>(this.name(), options);
  }

  queue<In = unknown, Out = In, ReplyIn = never, ReplyOut = ReplyIn>(
    options?: QueueOptions<In, Out, ReplyIn, ReplyOut>,
  ): QueueContract<In, Out, ReplyIn, ReplyOut> {
    return queue<In, Out, ReplyIn, ReplyOut>(this.name(), (options ?? {}) as { readonly reply: object });
  }

  /** The address of a contract on this broker, for the SPI and the vendor client. */
  address(contract: Contract): Address {
    const { kind, name, ordered, retained } = contract;
    const brokerName = this.target.driver().naming.toBrokerName(name, kind);
    if (brokerName === undefined) throw new Error(`${name} has no name on this broker.`);
    return { kind, name, group: undefined, brokerName, brokerGroup: undefined, ordered, retained };
  }

  // ── Clients ─────────────────────────────────────────────────────────────────
  /** A fresh driver whose topology is taken away when the case ends. */
  driver(through?: Endpoint): Driver {
    return this.recorded(this.target.driver(through));
  }

  /** The same driver, but all that is made through it is taken away when the case ends. */
  recorded(driver: Driver): Driver {
    return wrapDriver(driver, {
      connection: (connection) => ({
        topology: {
          ensure: (items, call) => {
            for (const { address } of items) this.#remember(address);
            return connection.topology.ensure(items, call);
          },
          inspect: (addresses, call) => connection.topology.inspect(addresses, call),
          remove: (addresses, call) => connection.topology.remove(addresses, call),
        },
      }),
    });
  }

  /** Connects; the client is closed when the case ends, if it is not by then. */
  async connect(options: ClientOptions = {}, driver: Driver = this.driver()): Promise<AnyClient> {
    const client = (await connect(driver, {
      logger: false,
      onError: (error) => this.background.push(error),
      ...options,
    })) as unknown as AnyClient;
    this.#clients.push(client);
    return client;
  }

  /** Subscribes and remembers what comes. Without `handle` everything is acked. */
  collect<T>(
    client: AnyClient,
    // biome-ignore lint/suspicious/noExplicitAny: what goes in does not matter here
    from: TopicContract<any, T>,
    options: SubscribeOptions,
    handle?: Handler<T>,
  ): Promise<Collector<T>>;
  collect<T>(
    client: AnyClient,
    // biome-ignore lint/suspicious/noExplicitAny: what goes in does not matter here
    from: QueueContract<any, T, any, any>,
    options?: ConsumeOptions,
    handle?: Handler<T>,
  ): Promise<Collector<T>>;
  collect<T>(
    client: AnyClient,
    from: AnyTopic | AnyQueue,
    options: SubscribeOptions | ConsumeOptions = {},
    handle?: Handler<T>,
  ): Promise<Collector<T>> {
    return collect<T>(
      (handler) =>
        from.kind === "topic"
          ? client.subscribe(from, options as SubscribeOptions, handler)
          : client.consume(from, options as ConsumeOptions, handler),
      handle,
      (what, condition, withinMs = waitTimeoutMs) => this.#eventually(what, condition, withinMs),
    );
  }

  /** Numbered messages for a queue of their own. `client` sends them; default: a fresh one. */
  async jobs(options: WorkOptions = {}, client?: AnyClient): Promise<Jobs> {
    const jobs = this.queue<Numbered>(contractOptions(options));
    return jobsOf(client ?? (await this.connect()), jobs, this.#historyOf(options));
  }

  /** Numbered messages for a topic of their own. `client` publishes them; default: a fresh one. */
  async events(options: WorkOptions = {}, client?: AnyClient): Promise<Events> {
    const events = this.topic<Numbered>(contractOptions(options));
    return eventsOf(client ?? (await this.connect()), events, this.#historyOf(options));
  }

  /** A driver behind a way to kill its connections. Needs the part `crash`. */
  async crashable(): Promise<Crashable> {
    const { crash, shortLease } = this.target;
    const fresh = (through?: Endpoint) => (shortLease ?? this.target).driver(through);
    const replacement = this.recorded(fresh());
    if (crash !== undefined) {
      const own = fresh();
      return { driver: this.recorded(own), replacement, die: () => crash(own) };
    }
    const proxy = await this.proxy();
    return {
      driver: this.recorded(fresh(proxy.endpoint)),
      replacement,
      die: async () => {
        proxy.refuse();
        proxy.reset();
      },
    };
  }

  /** A proxy in front of the broker. Needs the part `endpoint`. */
  async proxy(): Promise<FaultProxy> {
    const { endpoint } = this.target;
    if (endpoint === undefined) throw new Error("This case should have named the part `endpoint`.");
    const proxy = await openProxy(endpoint);
    this.atEnd(() => proxy.close());
    return proxy;
  }

  // ── Judging ─────────────────────────────────────────────────────────────────

  /** A history whose counts go into the report of this case. */
  history(options?: HistoryOptions): History {
    const history = new History(options);
    this.#histories.push(history);
    return history;
  }

  #historyOf({ keyed = false, redelivery = false }: WorkOptions): History {
    return this.history({ ordered: keyed, redelivery });
  }

  /** Waits for a condition, and returns what it gave. Rejects with `what` after `withinMs` (default 30 000). */
  eventually<T>(what: string, condition: () => T | Promise<T>, withinMs = waitTimeoutMs): Promise<T> {
    return this.#eventually(() => what, condition, withinMs);
  }

  /** Rejects at once if the condition comes to hold within `timeoutMs`. The only wait for time itself: keep it short. */
  never(what: string, condition: () => unknown, timeoutMs = 200): Promise<void> {
    return never(what, condition, timeoutMs, this.signal);
  }

  /**
   * Waits until all that was confirmed has reached every reader, and a moment more, and
   * judges: nothing lost, swapped or made up, and no more than `duplicates` (default 0) came again.
   */
  async allDelivered(
    history: History,
    allowed: { withinMs?: number; duplicates?: number } = {},
  ): Promise<void> {
    const { withinMs = waitTimeoutMs, duplicates = 0 } = allowed;
    await this.eventually("all are delivered", () => history.complete(), withinMs);
    if (duplicates === 0) await this.never("a duplicate", () => history.counts().duplicated > 0, 100);
    history.check({ duplicates });
  }

  /** Rejects if the promise takes longer than `ms`. */
  inTime<T>(what: string, ms: number, promise: Promise<T>): Promise<T> {
    return inTime(promise, ms, () => new Error(`Took longer than ${ms} ms: ${what}.`));
  }

  /** Puts a number into the report of this case: of several with one name, the largest. */
  measure(name: string, value: number): void {
    this.measures[name] = Math.max(value, this.measures[name] ?? value);
  }

  // ── The end ─────────────────────────────────────────────────────────────────

  /** Runs when the case has ended, the last given first, whatever came of it. */
  atEnd(ending: () => unknown): void {
    this.#endings.push(ending);
  }

  counts(): Counts {
    const sum = noCounts();
    for (const history of this.#histories) {
      const counts = history.counts();
      for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += counts[name];
    }
    return sum;
  }

  /** Closes and takes away all that the case left, in bounded time. Never rejects. */
  async end(): Promise<void> {
    const clients = this.#clients.map((client) => client.close({ timeoutMs: abandonMs }));
    await quietly(Promise.allSettled(clients));
    for (const ending of this.#endings.reverse()) await quietly(Promise.resolve().then(ending));
    if (this.#made.size > 0) await quietly(this.#takeAway());
  }

  async #takeAway(): Promise<void> {
    const call = { signal: AbortSignal.timeout(cleanupMs) };
    const hooks = { lost: () => undefined, report: () => undefined };
    const connection = await this.target.driver().connect(hooks, call);
    try {
      await connection.topology.remove([...this.#made.values()], call);
    } finally {
      await connection.close();
    }
  }

  #remember(address: Address): void {
    if (address.kind === "inbox") return;
    this.#made.set(`${address.kind} ${address.brokerName} ${address.brokerGroup ?? ""}`, address);
    // Whoever makes a group makes its topic.
    if (address.kind !== "group") return;
    this.#remember({ ...address, kind: "topic", group: undefined, brokerGroup: undefined });
  }

  #eventually<T>(what: () => string, condition: () => T | Promise<T>, withinMs: number): Promise<T> {
    return eventually(what, condition, withinMs * this.#timeoutScale, this.signal);
  }
}

async function quietly(work: Promise<unknown>): Promise<void> {
  try {
    await inTime(work, cleanupMs, () => new Error("The clean-up took too long."));
  } catch {
    // What a case leaves behind has a unique name and harms no other case.
  }
}
