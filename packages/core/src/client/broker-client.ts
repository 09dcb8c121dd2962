import type { Client, Health } from "../api/client.ts";
import type { ConsumeOptions, OrderedConsumeOptions } from "../api/consume-options.ts";
import type { AnyQueue, AnyTopic, Contract } from "../api/contract.ts";
import type { Handler } from "../api/delivery.ts";
import type { PublishOptions, Receipt } from "../api/publisher.ts";
import type { ConsumerRef, RedriveOptions, RedriveReport } from "../api/redrive.ts";
import type { RequestOptions } from "../api/request-reply.ts";
import type { DeliveryIterator, SubscribeOptions } from "../api/subscriber.ts";
import type { CloseOptions, Subscription } from "../api/subscription.ts";
import { driverGraceMs } from "../connection/driver-grace.ts";
import { Names } from "../connection/names.ts";
import { ReconnectingConnection } from "../connection/reconnecting-connection.ts";
import { requireFeature } from "../connection/require-feature.ts";
import { TopologyKeeper } from "../connection/topology-keeper.ts";
import { AttemptMemory } from "../consuming/attempt-memory.ts";
import { DeadLetterRoutes } from "../consuming/dead-letter-routes.ts";
import { DeadLetterWatch } from "../consuming/dead-letter-watch.ts";
import { DeadLetterWatches } from "../consuming/dead-letter-watches.ts";
import { copyNameOf } from "../consuming/dead-lettered-copies.ts";
import { deliveryIterator } from "../consuming/delivery-iterator.ts";
import { currentHandlerCall } from "../consuming/handler-call.ts";
import { checkHandler, closeTimeout, optionsAndHandler } from "../consuming/settings.ts";
import {
  type SpecifyContext,
  specifyBytes,
  specifyInbox,
  specifyQueue,
  specifyTopic,
} from "../consuming/specify.ts";
import { RunningSubscription } from "../consuming/subscription.ts";
import type { SubscriptionSpec } from "../consuming/subscription-spec.ts";
import type { Demand } from "../consuming/takers.ts";
import { aborted, closed, draining } from "../errors/ended.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import { deadLetterOf } from "../policies/dead-letter.ts";
import { PendingBudget } from "../publishing/pending-budget.ts";
import { Publishing } from "../publishing/publishing.ts";
import { type LookSource, lookForCopies } from "../redriving/look-at.ts";
import { openForLooking } from "../redriving/open-for-looking.ts";
import {
  checkedRedriveOptions,
  checkLeadsElsewhere,
  nothingFound,
  type RedriveSource,
  redrive,
} from "../redriving/redrive.ts";
import { decideRequest } from "../requests/decide-request.ts";
import { RequestAges } from "../requests/request-age.ts";
import { BrokerRequester } from "../requests/requester.ts";
import { BrokerResponder } from "../requests/responder.ts";
import { bindMethods } from "../runtime/bind-methods.ts";
import { TimeLimit } from "../runtime/time-limit.ts";
import { noticeOfWait } from "../runtime/wait-notice.ts";
import { within } from "../runtime/within.ts";
import type { Address } from "../spi/address.ts";
import type { Feature } from "../spi/capabilities.ts";
import type { Driver } from "../spi/driver.ts";
import { normalise } from "../spi/normalise.ts";
import { checkConsuming, checkContract, checkPublishing } from "./check-arguments.ts";
import { DeadLetterQueues } from "./dead-letter-queues.ts";
import type { DecidedOptions } from "./decide-options.ts";
import { BrokerTopologyClient } from "./topology-client.ts";

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
  readonly #requests: BrokerRequester;
  readonly #attempts = new AttemptMemory();
  readonly #deadLetterRoutes = new DeadLetterRoutes();
  readonly #deadLetterWatches: DeadLetterWatches;
  readonly #subscriptions = new Set<RunningSubscription>();
  readonly topology: BrokerTopologyClient;
  readonly #deadLetters = new DeadLetterQueues();
  readonly #requestAges = new RequestAges();
  #status: Health["status"] = "up";
  #since: { readonly status: Health["status"]; readonly at: number };
  /** Closing, but handlers still run, and what they publish still goes out. */
  #draining = false;
  #closed: Promise<void> | undefined;
  #toldOfOwnClose = false;
  readonly #closeLimit: TimeLimit;

  constructor(driver: Driver, options: DecidedOptions, endpoint: string | undefined) {
    const { reporter } = options;
    this.#driver = driver;
    this.#options = options;
    this.#since = { status: "up", at: options.clock.now() };
    this.#closeLimit = new TimeLimit(options.clock);
    this.#names = new Names(driver, options);
    this.#specify = { driver, names: this.#names, middleware: options.middleware.handle ?? [] };
    this.#connection = new ReconnectingConnection(driver, {
      clock: options.clock,
      endpoint,
      initialMs: options.reconnectInitialMs,
      maxMs: options.reconnectMaxMs,
      onError: reporter.error,
      onStatus: (status, cause) => {
        if (this.#status !== "closing") this.#become(status);
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
        connector: this.#connection,
        clock: options.clock,
        budget: this.#budget,
        timeoutMs: options.publishTimeoutMs,
        retryInitialMs: options.reconnectInitialMs,
        retryMaxMs: options.reconnectMaxMs,
        observer: options.observer,
        onError: reporter.error,
        prepare: (address, signal) =>
          // Whoever opened an inbox made it; writing to one must not make it again.
          address.kind === "inbox" ? Promise.resolve() : this.#keeper.prepareOnce(address, signal),
        isPrepared: (address) => this.#keeper.isPrepared(address),
        forget: (address) => this.#keeper.forget(address),
        troubleChanged: () => void this.#noteTrouble(),
      },
      options.middleware.publish ?? [],
    );
    this.#deadLetterWatches = new DeadLetterWatches((deadLetter) => {
      const source = this.#lookSource(deadLetter);
      return new DeadLetterWatch({
        name: deadLetter.name,
        clock: options.clock,
        leaseMs: source.leaseMs,
        look: (look) => lookForCopies(source, look),
        onWarning: reporter.warn,
      });
    });
    this.#requests = new BrokerRequester({
      clock: options.clock,
      maxPending: options.maxPendingMessages,
      maxPendingBytes: options.maxPendingBytes,
      warn: reporter.warn,
      openInbox: (name, onReply) => this.#begin(specifyInbox(this.#specify, name, onReply)),
    });
    this.topology = new BrokerTopologyClient({
      driver,
      names: this.#names,
      keeper: this.#keeper,
      clock: options.clock,
      signal: this.#closing.signal,
      checkOpen: () => this.#checkOpen(),
      checkContract: (contract, kind) => this.#checkContract(contract as Contract | undefined, kind),
      onRemoved: (address) => this.#publishing.forget(address),
    });
    bindMethods(this);
    bindMethods(this.topology);
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
    return this.#refusal(to, "topic", options) ?? this.#publishing.publish(to, value, options);
  }

  publishBatch(
    to: AnyTopic,
    values: readonly unknown[],
    options?: PublishOptions,
  ): Promise<readonly Receipt[]> {
    return this.#refusal(to, "topic", options) ?? this.#publishing.publishBatch(to, values, options);
  }

  send(to: AnyQueue, value: unknown, options?: PublishOptions): Promise<Receipt> {
    return this.#refusal(to, "queue", options) ?? this.#publishing.publish(to, value, options);
  }

  sendBatch(to: AnyQueue, values: readonly unknown[], options?: PublishOptions): Promise<readonly Receipt[]> {
    return this.#refusal(to, "queue", options) ?? this.#publishing.publishBatch(to, values, options);
  }

  // ── Receiving ───────────────────────────────────────────────────────────────

  async subscribe<T>(
    from: AnyTopic,
    options: SubscribeOptions & OrderedConsumeOptions,
    handler: Handler<T>,
  ): Promise<Subscription> {
    this.#check(from, "topic");
    checkHandler(handler);
    checkConsuming(options);
    return this.#begin(
      specifyTopic(this.#specify, from, options, handler as Handler<unknown>),
      options.deadLetter,
    );
  }

  async consume<T>(
    from: AnyQueue,
    ...rest: [Handler<T>] | [ConsumeOptions & OrderedConsumeOptions, Handler<T>]
  ): Promise<Subscription> {
    this.#check(from, "queue");
    const [options, handler] = optionsAndHandler(rest);
    checkConsuming(options);
    return this.#begin(
      specifyQueue(this.#specify, from, options, handler as Handler<unknown>),
      options.deadLetter,
    );
  }

  messages<T>(
    from: Contract,
    options: (SubscribeOptions | ConsumeOptions) & OrderedConsumeOptions = {},
  ): DeliveryIterator<T> {
    const { clock, reporter } = this.#options;
    const subscribe = async (handler: Handler<T>, demand: Demand) => {
      this.#check(from, readable("The contract", () => from?.kind) === "topic" ? "topic" : "queue");
      checkConsuming(options);
      const given = readable("The options of `messages`", () => ({ ...options }));
      // What the loop has taken and not settled is its own choice: the prefetch bounds it.
      const pulled = { ...given, concurrency: given.concurrency ?? given.prefetch ?? 100 };
      const spec =
        from.kind === "topic"
          ? specifyTopic(this.#specify, from, pulled as SubscribeOptions, handler as Handler<unknown>)
          : specifyQueue(this.#specify, from, pulled, handler as Handler<unknown>);
      return this.#begin({ ...spec, demand }, given.deadLetter);
    };
    return deliveryIterator<T>(subscribe, { clock, onError: reporter.error });
  }

  async #begin(
    spec: SubscriptionSpec,
    deadLetter?: ConsumeOptions["deadLetter"],
  ): Promise<RunningSubscription> {
    if (spec.signal?.aborted) throw aborted(spec.signal);
    const forgetRoute = this.#deadLetterRoutes.add(spec.address, spec.deadLetter);
    const {
      clock,
      observer,
      reporter,
      connectTimeoutMs,
      drainTimeoutMs,
      reconnectInitialMs,
      reconnectMaxMs,
    } = this.#options;
    const subscription = new RunningSubscription(spec, {
      driver: this.#driver,
      connector: this.#connection,
      attempts: this.#attempts,
      deadLetterWatches: this.#deadLetterWatches,
      verifies: this.#options.topology === "verify",
      clock,
      observer,
      onError: reporter.error,
      onWarning: reporter.warn,
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
    if (spec.deadLetter !== undefined && deadLetter !== "discard")
      this.#deadLetters.add(spec.address, deadLetter);
    if (spec.settles) this.#deadLetters.consumed(spec.address);
    return subscription;
  }

  // ── Request and reply ───────────────────────────────────────────────────────

  // biome-ignore lint/suspicious/noExplicitAny: the reply's type is the contract's
  async request(to: AnyQueue, value: unknown, options: RequestOptions = {}): Promise<any> {
    this.#check(to, "queue", this.#stillPublishes);
    requireFeature(
      this.#driver,
      "requestReply",
      "`request`",
      "Send to a queue and let the answer be another message.",
    );
    const { timeoutMs, headers, signal } = decideRequest(options);
    const { brokerName } = this.#names.destination(to);
    // Now: it is sent when there is an inbox, and perhaps again.
    const snapshot = this.#publishing.snapshot(to, value);
    return this.#requests.ask(
      to,
      { timeoutMs, signal, brokerName, bytes: snapshot.body.byteLength },
      (correlationId, more, onSize) =>
        this.#publishing.publish(
          to,
          value,
          {
            correlationId,
            ...(headers === undefined ? {} : { headers }),
            ...(signal === undefined ? {} : { signal }),
          },
          {
            snapshot,
            replyTo: this.#requests.inbox,
            headers: more,
            onSize,
            // So that what nobody takes does not lie there for ever. Whether somebody still waits is told by `more`.
            expiresAt: Math.ceil(this.#connection.brokerNow() + timeoutMs + clockToleranceMs),
          },
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
    const [options, handler] = optionsAndHandler(rest);
    checkConsuming(options);
    const { clock, reporter } = this.#options;
    const responding = new BrokerResponder(to, handler as Handler<unknown>, {
      clock,
      ages: this.#requestAges,
      brokerName: this.#names.destination(to).brokerName,
      warn: reporter.warn,
      send: (reply) => this.#publishing.reply(this.#names.inbox(reply.inbox), reply),
    });
    const specify = {
      ...this.#specify,
      middleware: [responding.outermost, ...this.#specify.middleware],
    };
    const spec = specifyBytes(specify, to, options, responding.handle);
    const responder = await this.#begin(spec, options.deadLetter);
    void responder.ended.then(() => responding.close());
    return responder;
  }

  // ── Operating ───────────────────────────────────────────────────────────────

  async redrive(from: ConsumerRef, given: RedriveOptions = {}): Promise<RedriveReport> {
    this.#checkOpen();
    const options = checkedRedriveOptions(given);
    const back = this.topology.consumed(from);
    const queues =
      options.deadLetter === undefined
        ? this.#deadLetters.of(back, deadLetterOf(from))
        : [options.deadLetter];
    const report = await redrive(
      options,
      queues.map((queue) => this.#redriveSource(back, queue)),
    );
    // Where it looked was only a guess.
    if (options.deadLetter === undefined && report.seen === 0 && !this.#deadLetters.knows(back))
      this.#options.reporter.warn(nothingFound(this.#names.destination(deadLetterOf(from)), back));
    return report;
  }

  #redriveSource(back: Address, deadLettered: AnyQueue): RedriveSource {
    this.#checkContract(deadLettered, "queue");
    const deadLetterQueue = this.#names.destination(deadLettered);
    checkLeadsElsewhere(deadLetterQueue, back);
    // What the application puts around its handlers is not meant for this one.
    const specify = { ...this.#specify, middleware: [] };
    return {
      ...this.#lookSource(deadLetterQueue),
      from: back,
      back: this.#publishing.sender(back),
      deadLettered: this.#publishing.sender(deadLetterQueue),
      consume: (consumeOptions, handler) =>
        this.#begin(specifyBytes(specify, deadLettered, consumeOptions, handler as Handler<unknown>)),
      redriven: (message, run) =>
        this.#deadLetterWatches.redriven(deadLetterQueue, copyNameOf(back, message), run),
      undisturbed: (work) => this.#deadLetterWatches.without(deadLetterQueue, work),
    };
  }

  #lookSource(deadLetterQueue: Address): LookSource {
    const { clock, connectTimeoutMs: timeoutMs } = this.#options;
    const item = { address: deadLetterQueue, start: { from: "latest" }, filter: undefined } as const;
    return {
      clock,
      leaseMs: this.#driver.capabilities.lease?.ms,
      inspect: async () => (await this.topology.states([deadLetterQueue]))[0],
      open: (signal) =>
        openForLooking(
          { driver: this.#driver, connector: this.#connection, clock },
          deadLetterQueue,
          () => this.#keeper.prepare(item),
          { timeoutMs, signal: AbortSignal.any([signal, this.#closing.signal]) },
        ),
    };
  }

  health(): Health {
    const error = this.#noteTrouble();
    return {
      status: this.#since.status,
      since: this.#since.at,
      error,
      pendingPublishes: this.#budget.messages,
      subscriptions: [...this.#subscriptions].map(
        ({ source, group, state, since, running, held, blockedKeys }) => ({
          source,
          group,
          state,
          since,
          running,
          held,
          blockedKeys,
        }),
      ),
    };
  }

  async close(options: CloseOptions = {}): Promise<void> {
    const timeoutMs = closeTimeout(options) ?? this.#options.drainTimeoutMs;
    this.#closeLimit.atMost(timeoutMs);
    if (this.#closed === undefined) this.#closed = this.#shutDown(timeoutMs);
    else void this.#drained(timeoutMs);
    const call = currentHandlerCall();
    const isPublishing = this.#publishing.isInMiddleware;
    if (call === undefined && !isPublishing) return this.#closed;
    if (isPublishing) this.#tellOfOwnClose();
    // A handler that asks is not waited for by itself, and has what it needs to end well until it has.
    const closing = [...this.#subscriptions].filter(({ settles }) => settles);
    const closed = await Promise.all(
      closing.map((each) =>
        call === undefined ? each.drained(Number.POSITIVE_INFINITY) : each.closedBut(call),
      ),
    );
    // Nor is a publish, which goes out when its middleware goes on.
    if (!isPublishing && !closed.includes(false)) await this.#closed;
  }

  #tellOfOwnClose(): void {
    if (this.#toldOfOwnClose) return;
    this.#toldOfOwnClose = true;
    this.#options.reporter.error(
      new MessagingError("INVALID_ARGUMENT", "A publish middleware waits for its own client to close.", {
        remedy: "Call `close` outside of publish middleware, or do not await it there.",
      }),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutDown(timeoutMs: number): Promise<void> {
    this.#become("closing");
    this.#draining = true;
    const { clock, reporter } = this.#options;
    const looked = this.#deadLetterWatches.close();
    await this.#drained(timeoutMs);
    this.#draining = false;
    // Handlers are done and may have published: now what is on its way goes out.
    const flushed = this.#publishing.flush();
    const stopWaiting = noticeOfWait(clock, timeoutMs, () =>
      reporter.warn(
        draining(
          "the client",
          `${this.#budget.messages} of its publishes`,
          timeoutMs,
          "Await publishes before you close, and close outside of publish middleware.",
        ),
      ),
    );
    const onFailure = (cause: unknown) => reporter.error(normalise(this.#driver, cause));
    if (!(await within(clock, leastFlushMs, flushed, { onFailure })))
      await within(clock, timeoutMs, flushed, { signal: this.#closeLimit.signal });
    this.#closeLimit.end();
    stopWaiting();
    this.#requests.close();
    await Promise.all([...this.#subscriptions].map((each) => each.drained(0)));
    this.#publishing.close();
    // What a look has in hand goes back while there is a connection.
    await within(clock, driverGraceMs, looked);
    this.#closing.abort(closed("client"));
    await this.#connection.close();
    this.#become("closed");
  }

  /** All that has handlers. A reply path stays for as long as these may ask. */
  async #drained(timeoutMs: number): Promise<void> {
    const draining = [...this.#subscriptions].filter(({ settles }) => settles);
    await Promise.all(draining.map((each) => each.drained(timeoutMs)));
  }

  #become(status: Health["status"]): void {
    this.#status = status;
    this.#since = { status, at: this.#options.clock.now() };
  }

  /** Called when publishing begins to fail and when it ends, so that `since` tells that moment, whoever asks later. */
  #noteTrouble(): MessagingError | undefined {
    // A driver that heals itself keeps its connection while what is sent over it fails.
    const trouble = this.#connection.error ?? this.#publishing.trouble;
    const status = this.#status === "up" && trouble !== undefined ? "recovering" : this.#status;
    if (this.#since.status !== status) this.#since = { status, at: this.#options.clock.now() };
    return trouble;
  }

  // ── Refusing ────────────────────────────────────────────────────────────────

  #refusal(
    to: Contract,
    kind: "topic" | "queue",
    options: PublishOptions | undefined,
  ): Promise<never> | undefined {
    try {
      this.#check(to, kind, this.#stillPublishes);
      if (options !== undefined) checkPublishing(options);
      return undefined;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Also while it closes: what was accepted may publish before it is done. */
  get #stillPublishes(): boolean {
    return this.#draining || this.#publishing.isInSteps;
  }

  #check(contract: Contract, kind: "topic" | "queue", evenClosing = false): void {
    if (!evenClosing) this.#checkOpen();
    this.#checkContract(contract, kind);
  }

  #checkContract(contract: Contract | undefined, kind: "topic" | "queue"): void {
    checkContract(contract, kind);
    if (contract.ordered)
      requireFeature(this.#driver, "ordering", "an ordering key", "Use a contract without a key.");
  }

  #checkOpen(): void {
    if (this.#status === "closing" || this.#status === "closed") throw closed("client");
  }
}

/**
 * How far the clocks of requesters, responders and brokers may be apart, in milliseconds: a day, so
 * that one which was set to the wrong time zone or date costs nothing. Nobody handles a request for
 * longer than its requester waits all the same; that is told by how long it may take.
 */
const clockToleranceMs = 24 * 60 * 60_000;
/** What publishes have at least to go out while the client closes, in milliseconds. */
const leastFlushMs = 100;
