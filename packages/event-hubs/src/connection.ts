import {
  type Address,
  type Call,
  type Connection,
  type ConnectionHooks,
  type Consumer,
  type ConsumerHooks,
  nothingStarted,
  OpenConsumers,
  type PublishOutcome,
  ReportThrottle,
  retryTransient,
  type SharedDelayForwarder,
  type Source,
  systemClock,
  unlessGivenUp,
  type WireMessage,
  within,
} from "@waybill/core/spi";
import { HubReader } from "./broadcast/hub-reader.ts";
import { AmqpConnection } from "./client/amqp-connection.ts";
import { EventHubsNative } from "./client/native.ts";
import { EventHubsConsumer } from "./consumer.ts";
import { sharedForwarder } from "./delays/shared-forwarder.ts";
import { classify, isTransient } from "./errors.ts";
import { openStore } from "./groups/open-checkpoint-store.ts";
import { startsOf } from "./groups/start.ts";
import { hubAddressOf, isShared } from "./naming.ts";
import type { Settings } from "./options.ts";
import { EventHubsPublisher } from "./publisher.ts";
import type { ConsumerContext } from "./receiving/consumer-context.ts";
import { replyPartition } from "./replies/reply-partition.ts";
import { EventHubsTopology } from "./topology.ts";

/** How long consumers may take to close with their connection. */
const closeTimeoutMs = 3_000;

/** One AMQP connection for everything. It does not heal itself: when it is lost, core makes a new one. */
export class EventHubsConnection implements Connection {
  readonly native: EventHubsNative;
  readonly broker = { name: "Azure Event Hubs", version: undefined };
  readonly topology: EventHubsTopology;
  readonly #context: ConsumerContext;
  readonly #publisher: EventHubsPublisher;
  readonly #delayForwarder: SharedDelayForwarder<readonly string[]> | undefined;
  readonly #consumers = new OpenConsumers();
  readonly #closed = new AbortController();
  #closing: Promise<void> | undefined;

  static async open(settings: Settings, hooks: ConnectionHooks, call: Call): Promise<EventHubsConnection> {
    let connection: EventHubsConnection | undefined;
    const opening = AmqpConnection.open(
      settings,
      (cause) => hooks.lost(cause),
      (cause) => connection?.report(cause),
    );
    try {
      const amqp = await unlessGivenUp(opening, call.signal);
      await unlessGivenUp(amqp.authenticate(settings.entity ?? settings.delayHub), call.signal);
      connection = new EventHubsConnection(settings, hooks, amqp, await openStore(settings));
      return connection;
    } catch (cause) {
      opening.then(
        (late) => late.close(),
        () => {},
      );
      throw cause;
    }
  }

  private constructor(
    settings: Settings,
    hooks: ConnectionHooks,
    amqp: AmqpConnection,
    store: ConsumerContext["store"],
  ) {
    this.native = new EventHubsNative(settings);
    const kindOf = (cause: unknown) => classify(cause)?.code ?? "unknown";
    const reports = new ReportThrottle(kindOf, (cause) => hooks.report(cause));
    this.#context = {
      settings,
      amqp,
      store,
      signal: this.#closed.signal,
      report: (cause) => {
        if (this.#closing === undefined) reports.report(cause);
      },
    };
    this.#publisher = new EventHubsPublisher(amqp, settings);
    this.#delayForwarder = sharedForwarder(this.#context, this.#publisher);
    this.topology = new EventHubsTopology(this.#context);
  }

  report(cause: unknown): void {
    this.#context.report(cause);
  }

  publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    return unlessGivenUp(this.#publisher.publish(to, batch), call.signal);
  }

  async consume(from: Source, hooks: ConsumerHooks, call: Call): Promise<Consumer> {
    const starting = retryTransient(() => this.#start(from, hooks, call), {
      timeoutMs: this.#context.settings.requestTimeoutMs,
      isTransient,
      signal: AbortSignal.any([call.signal, this.#closed.signal]),
    });
    return unlessGivenUp(starting, call.signal, (late) => void late.close(nothingStarted).catch(() => {}));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { amqp, store, settings } = this.#context;
    this.#closed.abort();
    await within(systemClock, closeTimeoutMs, this.#consumers.close());
    await amqp.close();
    await this.native.close().catch(() => {});
    // The user's own store is not ours to close: the next connection needs it.
    if (settings.checkpointStore === undefined) await store?.close?.().catch(() => {});
  }

  async #start(from: Source, hooks: ConsumerHooks, call: Call): Promise<Consumer> {
    const { address } = from;
    const { settings } = this.#context;
    if (address.kind === "inbox") return this.#consumers.track(await this.#inbox(from));
    const release = await this.#delayForwarder?.use();
    try {
      if (address.kind === "topic") return this.#consumers.track(await this.#reader(from), release);
      if (isShared(address, settings)) {
        await this.topology.makeReadable(hubAddressOf(address, settings), call);
      }
      return this.#consumers.track(await EventHubsConsumer.start(this.#context, from, hooks), release);
    } catch (cause) {
      await release?.();
      throw cause;
    }
  }

  async #reader({ address, start, prefetch, prefetchBytes }: Source): Promise<Consumer> {
    const { amqp, settings } = this.#context;
    const from = hubAddressOf(address, settings);
    await amqp.hub(from.hub, true);
    const starts = await startsOf(amqp, { ...from, start, timeoutMs: settings.requestTimeoutMs });
    return HubReader.start(this.#context, { from, starts, prefetch, prefetchBytes });
  }

  async #inbox({ address, prefetch, prefetchBytes }: Source): Promise<Consumer> {
    const { amqp, settings } = this.#context;
    const from = hubAddressOf(address, settings);
    const { partitionIds } = await amqp.hub(from.hub, true);
    const starts = await startsOf(amqp, {
      ...from,
      start: { from: "latest" },
      partitions: [replyPartition(address.brokerName, partitionIds)],
      timeoutMs: settings.requestTimeoutMs,
    });
    return HubReader.start(this.#context, { from, starts, prefetch, prefetchBytes });
  }
}
