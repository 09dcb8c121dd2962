import type { Client, Health } from "../api/client.ts";
import type { ConsumeOptions } from "../api/consume-options.ts";
import type { AnyQueue, AnyTopic, Contract } from "../api/contract.ts";
import type { Handler } from "../api/delivery.ts";
import type { PublishOptions, Receipt } from "../api/publisher.ts";
import type { ConsumerRef, RedriveOptions, RedriveReport } from "../api/redrive.ts";
import type { RequestOptions } from "../api/request-reply.ts";
import type { DeliveryIterator, SubscribeOptions } from "../api/subscriber.ts";
import type { CloseOptions, Subscription } from "../api/subscription.ts";
import { Names } from "../connection/names.ts";
import { ReconnectingConnection } from "../connection/reconnecting-connection.ts";
import { requireFeature } from "../connection/require-feature.ts";
import { TopologyKeeper } from "../connection/topology-keeper.ts";
import { AttemptMemory } from "../consuming/attempt-memory.ts";
import { DeadLetterRoutes } from "../consuming/dead-letter-routes.ts";
import { deliveryIterator } from "../consuming/delivery-iterator.ts";
import { checkCloseOptions, checkHandler } from "../consuming/settings.ts";
import {
  asBytes,
  type SpecifyContext,
  specifyInbox,
  specifyQueue,
  specifyTopic,
} from "../consuming/specify.ts";
import { RunningSubscription } from "../consuming/subscription.ts";
import type { SubscriptionSpec } from "../consuming/subscription-spec.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { aborted, closed } from "../errors/ended.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { deadLetterOf } from "../policies/dead-letter.ts";
import { PendingBudget } from "../publishing/pending-budget.ts";
import { Publishing } from "../publishing/publishing.ts";
import { redrive } from "../redriving/redrive.ts";
import { Requests } from "../requests/requester.ts";
import { answering } from "../requests/responder.ts";
import { within } from "../runtime/within.ts";
import type { Feature } from "../spi/capabilities.ts";
import type { Driver } from "../spi/driver.ts";
import { normalise } from "../spi/normalise.ts";
import type { DecidedOptions } from "./decide-options.ts";
import { OwnTopology } from "./topology-client.ts";

/** The client behind `connect`. It puts the parts together; what each does is in its own folder. */
export class BrokerClient implements Client<Feature> {
  readonly #driver: Driver;
  readonly #options: DecidedOptions;
  readonly #names: Names;
  readonly #specify: SpecifyContext;
  readonly #connection: ReconnectingConnection;
  readonly #closing = new AbortController();
  readonly #budget: PendingBudget;
  readonly #publishing: Publishing;
  readonly #keeper: TopologyKeeper;
  readonly #requests: Requests;
  readonly #attempts = new AttemptMemory();
  readonly #deadLetterRoutes = new DeadLetterRoutes();
  readonly #subscriptions = new Set<RunningSubscription>();
  readonly topology: OwnTopology;
  #status: Health["status"] = "up";
  /** Closing, but handlers still run, and what they publish still goes out. */
  #draining = false;
  #closed: Promise<void> | undefined;

  constructor(driver: Driver, options: DecidedOptions) {
    this.#driver = driver;
    this.#options = options;
    this.#names = new Names(driver, options);
    this.#specify = { driver, names: this.#names, middleware: options.middleware.handle ?? [] };
    this.#connection = new ReconnectingConnection(driver, {
      clock: options.clock,
      initialMs: options.reconnectInitialMs,
      maxMs: options.reconnectMaxMs,
      onError: options.onError,
      onStatus: (status, cause) => {
        if (this.#status !== "closing") this.#status = status;
        options.observer?.connection?.(status, cause);
      },
    });
    this.#keeper = new TopologyKeeper(this.#connection, {
      mode: options.topology,
      clock: options.clock,
      // Some brokers take longer to make a topic than to let a client in.
      timeoutMs: Math.max(options.connectTimeoutMs, options.publishTimeoutMs),
      signal: this.#closing.signal,
    });
    this.#budget = new PendingBudget(options.maxPendingMessages, options.maxPendingBytes);
    this.#publishing = new Publishing(
      this.#names,
      {
        driver,
        link: this.#connection,
        clock: options.clock,
        budget: this.#budget,
        timeoutMs: options.publishTimeoutMs,
        retryInitialMs: options.reconnectInitialMs,
        retryMaxMs: options.reconnectMaxMs,
        observer: options.observer,
        onError: options.onError,
        prepare: (address, signal) =>
          // Whoever opened an inbox made it; writing to one must not make it again.
          address.kind === "inbox" ? Promise.resolve() : this.#keeper.prepareOnce(address, signal),
        forget: (address) => this.#keeper.forget(address),
      },
      options.middleware.publish ?? [],
    );
    this.#requests = new Requests(options.clock, (name, onReply) =>
      this.#begin(specifyInbox(this.#specify, name, onReply)),
    );
    this.topology = new OwnTopology({
      driver,
      names: this.#names,
      keeper: this.#keeper,
      signal: this.#closing.signal,
      checkOpen: () => this.#checkOpen(),
      checkContract: (contract, kind) => this.#checkContract(contract as Contract | undefined, kind),
      onRemoved: (address) => this.#publishing.forget(address),
    });
  }

  /** Connects; the client is of no use before. */
  async open(): Promise<void> {
    try {
      await this.#connection.open(this.#options.connectTimeoutMs);
    } catch (error) {
      await this.#connection.close();
      throw error;
    }
  }

  get native(): unknown {
    return this.#connection.current?.native;
  }

  get broker(): Client["broker"] {
    const said = this.#connection.current?.broker;
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
    return this.#begin(specifyTopic(this.#specify, from, options, handler as Handler<unknown>));
  }

  async consume<T>(
    from: AnyQueue,
    ...rest: [Handler<T>] | [ConsumeOptions, Handler<T>]
  ): Promise<Subscription> {
    this.#check(from, "queue");
    const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
    checkHandler(handler);
    return this.#begin(specifyQueue(this.#specify, from, options, handler as Handler<unknown>));
  }

  messages<T>(from: Contract, options: SubscribeOptions | ConsumeOptions = {}): DeliveryIterator<T> {
    const { clock, onError } = this.#options;
    // What the loop has taken and not settled is its own choice: the prefetch bounds it.
    const pulled = { ...options, concurrency: options.concurrency ?? options.prefetch ?? 100 };
    const subscribe = (handler: Handler<unknown>, isWanted: () => boolean) => {
      const kind = from?.kind === "topic" ? "topic" : "queue";
      this.#check(from, kind);
      const spec =
        from.kind === "topic"
          ? specifyTopic(this.#specify, from, pulled as SubscribeOptions, handler)
          : specifyQueue(this.#specify, from, pulled, handler);
      return this.#begin({ ...spec, isWanted });
    };
    return deliveryIterator<T>(
      async (handler, isWanted) => subscribe(handler as Handler<unknown>, isWanted),
      {
        clock,
        onError,
        limit: pulled.concurrency,
      },
    );
  }

  async #begin(spec: SubscriptionSpec): Promise<RunningSubscription> {
    if (spec.signal?.aborted) throw aborted(spec.signal);
    const forgetRoute = this.#deadLetterRoutes.add(spec.address, spec.deadLetter);
    const { clock, observer, onError, connectTimeoutMs, drainTimeoutMs, reconnectInitialMs, reconnectMaxMs } =
      this.#options;
    const subscription = new RunningSubscription(spec, {
      driver: this.#driver,
      connector: this.#connection,
      attempts: this.#attempts,
      verifies: this.#options.topology === "verify",
      clock,
      observer,
      onError,
      startTimeoutMs: connectTimeoutMs,
      drainTimeoutMs,
      retryInitialMs: reconnectInitialMs,
      retryMaxMs: reconnectMaxMs,
      prepare: this.#keeper.prepare.bind(this.#keeper),
      sender: (address) => this.#publishing.sender(address),
    });
    this.#subscriptions.add(subscription);
    void subscription.ended.then(() => {
      this.#subscriptions.delete(subscription);
      forgetRoute();
    });
    await subscription.begin();
    return subscription;
  }

  // ── Request and reply ───────────────────────────────────────────────────────

  // biome-ignore lint/suspicious/noExplicitAny: the reply's type is the contract's
  async request(to: AnyQueue, value: unknown, options: RequestOptions = {}): Promise<any> {
    this.#check(to, "queue", this.#draining);
    requireFeature(
      this.#driver,
      "requestReply",
      "`request`",
      "Send to a queue and let the answer be another message.",
    );
    checkOptionNames("request", options, ["timeoutMs", "headers", "signal"]);
    const { timeoutMs = 30_000, headers, signal } = options;
    // From now, not from when it is sent: opening the inbox takes its share of the time.
    const expiresAt = Math.ceil(this.#options.clock.now() + timeoutMs);
    return this.#requests.ask(to, { timeoutMs, signal }, (correlationId) =>
      this.#publishing.publish(
        to,
        value,
        {
          correlationId,
          ...(headers === undefined ? {} : { headers }),
          ...(signal === undefined ? {} : { signal }),
        },
        { replyTo: this.#requests.inbox, expiresAt },
      ),
    );
  }

  async respond<T>(
    to: AnyQueue,
    ...rest: [Handler<T>] | [ConsumeOptions, Handler<T>]
  ): Promise<Subscription> {
    this.#check(to, "queue");
    requireFeature(
      this.#driver,
      "requestReply",
      "`respond`",
      "Consume the queue and let the answer be another message.",
    );
    const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
    checkHandler(handler);
    const answer = answering(to, handler as Handler<unknown>, (reply) =>
      this.#publishing.reply(this.#names.inbox(reply.inbox), reply),
    );
    return this.#begin(specifyQueue(this.#specify, to, options, answer as Handler<unknown>, asBytes));
  }

  // ── Operating ───────────────────────────────────────────────────────────────

  async redrive(from: ConsumerRef, options: RedriveOptions = {}): Promise<RedriveReport> {
    this.#checkOpen();
    const back = this.topology.consumed(from);
    const letters = deadLetterOf(from);
    const lettersAddress = this.#names.destination(letters);
    // What the application puts around its handlers is not meant for this one.
    const specify = { ...this.#specify, middleware: [] };
    return redrive(options, {
      from: back,
      clock: this.#options.clock,
      back: this.#publishing.sender(back),
      letters: this.#publishing.sender(lettersAddress),
      backlog: async () => (await this.topology.look([lettersAddress]))[0],
      consume: (consumeOptions, handler) =>
        this.#begin(specifyQueue(specify, letters, consumeOptions, handler as Handler<unknown>)),
    });
  }

  health(): Health {
    // A driver that heals itself keeps its connection while what is sent over it fails.
    const trouble = this.#connection.error ?? this.#publishing.trouble;
    return {
      status: this.#status === "up" && trouble !== undefined ? "recovering" : this.#status,
      error: trouble,
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

  async close(options: CloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    this.#closed ??= this.#shutDown(options.timeoutMs ?? this.#options.drainTimeoutMs);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutDown(timeoutMs: number): Promise<void> {
    this.#status = "closing";
    this.#draining = true;
    const { clock, onError } = this.#options;
    const until = clock.now() + timeoutMs;
    await Promise.all(
      [...this.#subscriptions].filter(({ settles }) => settles).map((each) => each.close({ timeoutMs })),
    );
    this.#draining = false;
    // Handlers are done and may have published: now what is on its way goes out.
    await within(clock, Math.max(100, until - clock.now()), this.#publishing.flush(), {
      onFailure: (cause) => onError(normalise(this.#driver, cause)),
    });
    this.#requests.close();
    await Promise.all([...this.#subscriptions].map((each) => each.close({ timeoutMs: 0 })));
    this.#publishing.close();
    this.#closing.abort(closed("client"));
    await this.#connection.close();
    this.#status = "closed";
  }

  // ── Refusing ────────────────────────────────────────────────────────────────

  #refusal(to: Contract, kind: "topic" | "queue"): Promise<never> | undefined {
    try {
      this.#check(to, kind, this.#draining);
      return undefined;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #check(contract: Contract, kind: "topic" | "queue", evenClosing = false): void {
    if (!evenClosing) this.#checkOpen();
    this.#checkContract(contract, kind);
  }

  #checkContract(contract: Contract | undefined, kind: "topic" | "queue"): void {
    if (contract?.kind !== kind) {
      throw new MessagingError(
        "INVALID_ARGUMENT",
        `This call takes a ${kind}, not ${contract?.kind ? `a ${contract.kind}` : String(contract)}.`,
        {
          remedy: `Pass what ${kind}() made.`,
        },
      );
    }
    if (contract.ordered)
      requireFeature(this.#driver, "ordering", "an ordering key", "Use a contract without a key.");
  }

  #checkOpen(): void {
    if (this.#status === "closing" || this.#status === "closed") throw closed("client");
  }
}
