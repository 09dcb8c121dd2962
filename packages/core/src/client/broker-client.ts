import type { Attempt } from "../consuming/attempt.ts";
import { deliveryIterator } from "../consuming/delivery-iterator.ts";
import { checkFilter } from "../consuming/filter.ts";
import { checkHandler, decideSettings } from "../consuming/settings.ts";
import { RunningSubscription, type SubscriptionSpec } from "../consuming/subscription.ts";
import { bytes } from "../contract/codec.ts";
import type { AnyPayload, AnyQueue, AnyTopic, Contract } from "../contract/contract.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { MessagingError, UnsupportedError } from "../errors/messaging-error.ts";
import { closed } from "../errors/normalise.ts";
import { deadLetterOf } from "../policies/dead-letter.ts";
import { compose, type HandleMiddleware } from "../policies/middleware.ts";
import { PendingBudget } from "../publishing/pending-budget.ts";
import { Publishing } from "../publishing/publishing.ts";
import { redrive } from "../redriving/redrive.ts";
import { Requests } from "../requests/requester.ts";
import { answering } from "../requests/responder.ts";
import type { Address, Filter, StartPosition } from "../spi/address.ts";
import type { Feature } from "../spi/capabilities.ts";
import type { Driver } from "../spi/driver.ts";
import type { TopologyItem } from "../spi/topology.ts";
import type { DecidedOptions } from "./decide-options.ts";
import { Link } from "./link.ts";
import { Names } from "./names.ts";
import { sleep } from "./sleep.ts";
import { startPosition } from "./start-position.ts";
import { TopologyKeeper } from "./topology.ts";
import type {
  Client,
  CloseOptions,
  Consumed,
  ConsumeOptions,
  DeliveryIterator,
  Handler,
  Health,
  PublishOptions,
  Receipt,
  RedriveOptions,
  RedriveReport,
  RequestOptions,
  SubscribeOptions,
  Subscription,
  TopologyReport,
  TopologySubject,
} from "./types.ts";

/** A payload that leaves bodies as they are. */
const asBytes: AnyPayload = { schema: undefined, codec: bytes };
const latest: StartPosition = { from: "latest" };

/** The client behind `connect`. It puts the parts together; what each does is in its own folder. */
export class BrokerClient implements Client<Feature> {
  readonly #driver: Driver;
  readonly #options: DecidedOptions;
  readonly #names: Names;
  readonly #link: Link;
  readonly #closing = new AbortController();
  readonly #budget: PendingBudget;
  readonly #publishing: Publishing;
  readonly #keeper: TopologyKeeper;
  readonly #requests: Requests;
  readonly #subscriptions = new Set<RunningSubscription>();
  #status: Health["status"] = "up";
  #closed: Promise<void> | undefined;

  constructor(driver: Driver, options: DecidedOptions) {
    this.#driver = driver;
    this.#options = options;
    this.#names = new Names(driver, options);
    this.#link = new Link(driver, {
      clock: options.clock,
      initialMs: options.reconnectInitialMs,
      maxMs: options.reconnectMaxMs,
      onError: options.onError,
      onStatus: (status, cause) => {
        if (this.#status !== "closing") this.#status = status;
        options.observer?.connection?.(status, cause);
      },
    });
    this.#keeper = new TopologyKeeper(this.#link, options.topology, this.#closing.signal);
    this.#budget = new PendingBudget(options.maxPendingMessages, options.maxPendingBytes);
    this.#publishing = new Publishing(
      this.#names,
      {
        driver,
        link: this.#link,
        clock: options.clock,
        budget: this.#budget,
        timeoutMs: options.publishTimeoutMs,
        retryInitialMs: options.reconnectInitialMs,
        retryMaxMs: options.reconnectMaxMs,
        observer: options.observer,
        prepare: (address) =>
          // Whoever opened an inbox made it; writing to one must not make it again.
          address.kind === "inbox" ? Promise.resolve() : this.#keeper.prepare(item(address)),
      },
      options.middleware.publish ?? [],
    );
    this.#requests = new Requests(options.clock, (name, onReply) => this.#openInbox(name, onReply));
  }

  /** Connects; the client is of no use before. */
  async open(): Promise<void> {
    try {
      await this.#link.open(this.#options.connectTimeoutMs);
    } catch (error) {
      await this.#link.close();
      throw error;
    }
  }

  get native(): unknown {
    return this.#link.current?.native;
  }

  get broker(): Client["broker"] {
    const said = this.#link.current?.broker;
    return { adapter: this.#driver.name, name: said?.name ?? this.#driver.name, version: said?.version };
  }

  // ── Publishing ──────────────────────────────────────────────────────────────

  publish(to: AnyTopic, value: unknown, options?: PublishOptions): Promise<Receipt> {
    return this.#refusal(to, "topic") ?? this.#publishing.publish(to, value, options);
  }

  publishBatch(
    to: AnyTopic,
    values: readonly unknown[],
    options?: PublishOptions,
  ): Promise<readonly Receipt[]> {
    return this.#refusal(to, "topic") ?? this.#publishing.publishBatch(to, values, options);
  }

  send(to: AnyQueue, value: unknown, options?: PublishOptions): Promise<Receipt> {
    return this.#refusal(to, "queue") ?? this.#publishing.publish(to, value, options);
  }

  sendBatch(to: AnyQueue, values: readonly unknown[], options?: PublishOptions): Promise<readonly Receipt[]> {
    return this.#refusal(to, "queue") ?? this.#publishing.publishBatch(to, values, options);
  }

  // ── Receiving ───────────────────────────────────────────────────────────────

  async subscribe<T>(from: AnyTopic, options: SubscribeOptions, handler: Handler<T>): Promise<Subscription> {
    this.#check(from, "topic");
    checkHandler(handler);
    return this.#begin(this.#topicSpec(from, options, handler as Handler<unknown>));
  }

  async consume<T>(
    from: AnyQueue,
    ...rest: [Handler<T>] | [ConsumeOptions, Handler<T>]
  ): Promise<Subscription> {
    this.#check(from, "queue");
    const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
    checkHandler(handler);
    return this.#begin(this.#queueSpec(from, options, handler));
  }

  messages<T>(from: Contract, options: SubscribeOptions | ConsumeOptions = {}): DeliveryIterator<T> {
    return deliveryIterator<T>((handler) =>
      from.kind === "topic"
        ? this.subscribe(from, options as SubscribeOptions, handler)
        : this.consume(from, options, handler),
    );
  }

  #topicSpec(from: AnyTopic, options: SubscribeOptions, handler: Handler<unknown>): SubscriptionSpec {
    checkConsumeOptions("subscribe", options, ["group", "broadcast", "start", "filter"]);
    const { group, broadcast, filter } = options;
    if ((group === undefined) === (broadcast === undefined)) {
      throw new MessagingError(
        "INVALID_ARGUMENT",
        `A subscription to "${from.name}" names a group or is a broadcast.`,
        {
          remedy: 'Give `group: "…"`, or `broadcast: true`.',
        },
      );
    }
    if (filter !== undefined) this.#checkFilter(filter);
    if (group === undefined) this.#need("broadcast", "`broadcast`", "Subscribe with a group of your own.");
    const start = startPosition(
      options.start,
      from,
      group === undefined ? "replay" : "groupStart",
      this.#driver,
    );
    const address = group === undefined ? this.#names.destination(from) : this.#names.group(from, group);
    return this.#spec(address, from, start, filter, options, handler, () =>
      group === undefined ? undefined : this.#names.destination(deadLetterOf({ topic: from, group })),
    );
  }

  #queueSpec(
    from: AnyQueue,
    options: ConsumeOptions,
    handler: Handler<unknown>,
    payload: AnyPayload = from,
  ): SubscriptionSpec {
    checkConsumeOptions("consume", options, []);
    const address = this.#names.destination(from);
    return this.#spec(address, payload, latest, undefined, options, handler, () =>
      this.#names.destination(deadLetterOf({ queue: from })),
    );
  }

  #spec(
    address: Address,
    payload: AnyPayload,
    start: StartPosition,
    filter: Filter | undefined,
    options: ConsumeOptions,
    handler: Handler<unknown>,
    defaultDeadLetter: () => Address | undefined,
  ): SubscriptionSpec {
    const { deadLetter } = options;
    const middleware: readonly HandleMiddleware[] = [
      ...(this.#options.middleware.handle ?? []),
      ...(options.use ?? []),
    ];
    return {
      address,
      start,
      filter,
      payload,
      settings: decideSettings(options, this.#driver),
      deadLetter:
        deadLetter === "discard"
          ? undefined
          : deadLetter === undefined
            ? defaultDeadLetter()
            : this.#names.destination(deadLetter),
      middleware: compose(middleware),
      settles: true,
      handler,
      signal: options.signal,
    };
  }

  async #begin(spec: SubscriptionSpec): Promise<RunningSubscription> {
    if (spec.signal?.aborted) throw new MessagingError("ABORTED", "The signal had fired already.");
    const { clock, observer, onError, connectTimeoutMs, drainTimeoutMs, reconnectInitialMs, reconnectMaxMs } =
      this.#options;
    const subscription = new RunningSubscription(spec, {
      driver: this.#driver,
      link: this.#link,
      clock,
      observer,
      onError,
      startTimeoutMs: connectTimeoutMs,
      drainTimeoutMs,
      retryInitialMs: reconnectInitialMs,
      retryMaxMs: reconnectMaxMs,
      prepare: (wanted) => this.#keeper.prepare(wanted),
      outbox: (address) => this.#publishing.outbox(address),
    });
    this.#subscriptions.add(subscription);
    void subscription.ended.then(() => this.#subscriptions.delete(subscription));
    await subscription.begin();
    return subscription;
  }

  // ── Request and reply ───────────────────────────────────────────────────────

  // biome-ignore lint/suspicious/noExplicitAny: the reply's type is the contract's
  async request(to: AnyQueue, value: unknown, options: RequestOptions = {}): Promise<any> {
    this.#check(to, "queue");
    this.#need("requestReply", "`request`", "Send to a queue and let the answer be another message.");
    checkOptionNames("request", options, ["timeoutMs", "headers", "signal"]);
    const { timeoutMs = 30_000, headers, signal } = options;
    return this.#requests.ask(to, { timeoutMs, signal }, (correlationId) =>
      this.#publishing.publish(
        to,
        value,
        {
          correlationId,
          ...(headers === undefined ? {} : { headers }),
          ...(signal === undefined ? {} : { signal }),
        },
        { replyTo: this.#requests.inbox, expiresAt: this.#options.clock.now() + timeoutMs },
      ),
    );
  }

  async respond<T>(
    to: AnyQueue,
    ...rest: [Handler<T>] | [ConsumeOptions, Handler<T>]
  ): Promise<Subscription> {
    this.#check(to, "queue");
    this.#need("requestReply", "`respond`", "Consume the queue and let the answer be another message.");
    const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
    checkHandler(handler);
    const answer = answering(to, handler as Handler<unknown>, (reply) =>
      this.#publishing.outbox(this.#names.inbox(reply.inbox)).add(
        {
          id: `${reply.correlationId}-reply`,
          body: reply.body,
          contentType: reply.contentType,
          key: undefined,
          timestamp: this.#options.clock.now(),
          headers: reply.headers,
          delayMs: 0,
          expiresAt: undefined,
          replyTo: undefined,
          correlationId: reply.correlationId,
        },
        reply.body.byteLength,
      ),
    );
    return this.#begin(this.#queueSpec(to, options, answer as Handler<unknown>, asBytes));
  }

  #openInbox(name: string, onReply: (attempt: Attempt) => void): Promise<Subscription> {
    return this.#begin({
      address: this.#names.inbox(name),
      start: latest,
      filter: undefined,
      payload: asBytes,
      settings: decideSettings({ concurrency: 1_000, prefetch: 1_000 }, this.#driver),
      deadLetter: undefined,
      middleware: undefined,
      settles: false,
      handler: (_value, attempt) => onReply(attempt),
      signal: undefined,
    });
  }

  // ── Operating ───────────────────────────────────────────────────────────────

  async redrive(from: Consumed, options: RedriveOptions = {}): Promise<RedriveReport> {
    this.#checkOpen();
    const letters = deadLetterOf(from);
    const back = this.#names.consumed(from);
    return redrive(options, {
      clock: this.#options.clock,
      back: this.#publishing.outbox(back),
      letters: this.#publishing.outbox(this.#names.destination(letters)),
      backlog: async () => (await this.#inspect([this.#names.destination(letters)]))[0],
      consume: (consumeOptions, handler) =>
        this.#begin(this.#queueSpec(letters, consumeOptions, handler as Handler<unknown>)),
    });
  }

  readonly topology: Client<Feature>["topology"] = {
    declare: async (...items) => {
      this.#checkOpen();
      const topology = await this.#keeper.topology();
      await topology.ensure(
        items.map((subject) => this.#item(subject)),
        { signal: this.#closing.signal },
      );
    },
    inspect: async (...items) => {
      this.#checkOpen();
      return this.#inspect(items.map((subject) => this.#item(subject).address));
    },
    remove: async (...items) => {
      this.#checkOpen();
      const topology = await this.#keeper.topology();
      const addresses = items.map((subject) => this.#item(subject).address);
      await topology.remove(addresses, { signal: this.#closing.signal });
      for (const address of addresses) this.#publishing.forget(address);
    },
  };

  health(): Health {
    return {
      status: this.#status,
      error: this.#link.error,
      pendingPublishes: this.#budget.messages,
      subscriptions: [...this.#subscriptions].map(({ source, group, state, running, held }) => ({
        source,
        group,
        state,
        running,
        held,
      })),
    };
  }

  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#shutDown(options.deadlineMs ?? this.#options.drainTimeoutMs);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutDown(deadlineMs: number): Promise<void> {
    this.#status = "closing";
    const { clock } = this.#options;
    const until = clock.now() + deadlineMs;
    await Promise.all(
      [...this.#subscriptions].filter(({ settles }) => settles).map((each) => each.close({ deadlineMs })),
    );
    // Handlers are done and may have published: now what is on its way goes out.
    const over = new AbortController();
    await Promise.race([
      this.#publishing.flush(),
      sleep(clock, Math.max(100, until - clock.now()), over.signal),
    ]);
    over.abort();
    await this.#requests.close();
    this.#publishing.close();
    this.#closing.abort(closed("client"));
    await this.#link.close();
    this.#status = "closed";
  }

  async #inspect(addresses: readonly Address[]): Promise<readonly TopologyReport[]> {
    const topology = await this.#keeper.topology();
    const states = await topology.inspect(addresses, { signal: this.#closing.signal });
    return states.map(({ address, exists, differences, backlog }) => ({
      kind: address.kind as TopologyReport["kind"],
      name: address.name,
      group: address.group,
      physical: address.physical,
      exists,
      differences,
      backlog,
    }));
  }

  #item(subject: TopologySubject<Feature>): TopologyItem {
    if ("kind" in subject) return item(this.#names.destination(subject));
    const { topic, group, start, filter } = subject;
    if (filter !== undefined) this.#checkFilter(filter);
    return {
      address: this.#names.group(topic, group),
      start: startPosition(start, topic, "groupStart", this.#driver),
      filter: this.#driver.capabilities.features.filters?.how === "native" ? filter : undefined,
    };
  }

  #checkFilter(filter: Filter): void {
    this.#need("filters", "`filter`", "Filter in the handler.");
    checkFilter(filter);
  }

  #need(feature: Feature, what: string, remedy: string): void {
    if (!this.#options.features.has(feature)) throw new UnsupportedError(what, this.#driver.name, remedy);
  }

  #refusal(to: Contract, kind: "topic" | "queue"): Promise<never> | undefined {
    try {
      this.#check(to, kind);
      return undefined;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #check(contract: Contract, kind: "topic" | "queue"): void {
    this.#checkOpen();
    if (contract?.kind !== kind) {
      throw new MessagingError(
        "INVALID_ARGUMENT",
        `This call takes a ${kind}, not ${contract?.kind ? `a ${contract.kind}` : String(contract)}.`,
        {
          remedy: `Pass what ${kind}() made.`,
        },
      );
    }
    if (contract.ordered) this.#need("ordering", "an ordering key", "Use a contract without a key.");
  }

  #checkOpen(): void {
    if (this.#status === "closing" || this.#status === "closed") throw closed("client");
  }
}

function item(address: Address): TopologyItem {
  return { address, start: latest, filter: undefined };
}

const consumeOptionNames = ["concurrency", "prefetch", "retry", "deadLetter", "use", "maxLeaseMs", "signal"];

function checkConsumeOptions(call: string, options: object, more: readonly string[]): void {
  checkOptionNames(call, options, [...more, ...consumeOptionNames]);
}
