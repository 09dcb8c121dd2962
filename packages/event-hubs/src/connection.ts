import {
  type Address,
  type Call,
  type Connection,
  type ConnectionHooks,
  type Consumer,
  type ConsumerHooks,
  nothingStarted,
  type PublishOutcome,
  retryTransient,
  type Source,
  systemClock,
  unlessGivenUp,
  type WireMessage,
  within,
} from "@waybill/core/spi";
import { AmqpConnection } from "./amqp/amqp-connection.ts";
import { openStore } from "./checkpoints/store.ts";
import { type ConsumerContext, GroupConsumer } from "./consumer.ts";
import { Movers } from "./delays/movers.ts";
import { classify, isTransient } from "./errors.ts";
import { startsOf } from "./groups/start.ts";
import { hashOf, isShared, placeOf } from "./naming.ts";
import { EventHubsNative } from "./native.ts";
import type { Settings } from "./options.ts";
import { Publisher } from "./publishing/publisher.ts";
import { HubReader } from "./reading/reader.ts";
import { EventHubsTopology } from "./topology.ts";

/** How long the same kind of trouble in the background is not worth another word. */
const sameNewsMs = 30_000;
const farewellMs = 3_000;

/** One AMQP connection for everything. It does not heal itself: when it is lost, core makes a new one. */
export class EventHubsConnection implements Connection {
  readonly native: EventHubsNative;
  readonly broker = { name: "Azure Event Hubs", version: undefined };
  readonly topology: EventHubsTopology;
  readonly #context: ConsumerContext;
  readonly #publisher: Publisher;
  readonly #movers: Movers;
  readonly #consumers = new Set<Consumer>();
  readonly #reportedAt = new Map<string, number>();
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
    this.#context = {
      settings,
      amqp,
      store,
      isClosed: () => this.#closing !== undefined,
      report: (cause) => {
        if (this.#closing === undefined && this.#isNews(cause)) hooks.report(cause);
      },
    };
    this.#publisher = new Publisher(amqp, settings);
    this.#movers = new Movers(this.#context, this.#publisher);
    this.topology = new EventHubsTopology(this.#context);
  }

  report(cause: unknown): void {
    this.#context.report(cause);
  }

  publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    return unlessGivenUp(this.#publisher.publish(to, batch), call.signal);
  }

  async consume(from: Source, hooks: ConsumerHooks, call: Call): Promise<Consumer> {
    const { requestTimeoutMs } = this.#context.settings;
    const starting = retryTransient(() => this.#start(from, hooks, call), {
      timeoutMs: requestTimeoutMs,
      isTransient,
      isOver: () => call.signal.aborted || this.#closing !== undefined,
    });
    return unlessGivenUp(starting, call.signal, (late) => void late.close(nothingStarted).catch(() => {}));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** While the service or the store is away, every link and every try would say so. */
  #isNews(cause: unknown): boolean {
    const { code = "unknown" } = classify(cause) ?? {};
    const now = Date.now();
    if (now - (this.#reportedAt.get(code) ?? 0) < sameNewsMs) return false;
    this.#reportedAt.set(code, now);
    return true;
  }

  async #close(): Promise<void> {
    const { amqp, store, settings } = this.#context;
    await within(
      systemClock,
      farewellMs,
      Promise.all([...this.#consumers].map((consumer) => consumer.close(nothingStarted))),
    );
    await amqp.close();
    await this.native.close().catch(() => {});
    // The user's own store is not ours to close: the next connection needs it.
    if (settings.checkpointStore === undefined) await store?.close?.().catch(() => {});
  }

  async #start(from: Source, hooks: ConsumerHooks, call: Call): Promise<Consumer> {
    const { address } = from;
    if (address.kind === "inbox") return this.#track(await this.#inbox(from));
    const release = await this.#movers.use();
    try {
      if (address.kind === "topic") return this.#track(await this.#reader(from), release);
      if (isShared(address, this.#context.settings)) {
        await this.topology.makeReadable(placeOf(address, this.#context.settings), call);
      }
      return this.#track(await GroupConsumer.start(this.#context, from, hooks), release);
    } catch (cause) {
      await release();
      throw cause;
    }
  }

  async #reader({ address, start, prefetch }: Source): Promise<Consumer> {
    const { amqp, settings } = this.#context;
    const place = placeOf(address, settings);
    const { requestTimeoutMs: timeoutMs } = settings;
    await amqp.hub(place.hub, true);
    const starts = await startsOf(amqp, { ...place, start, timeoutMs });
    return HubReader.start(this.#context, { place, starts, prefetch });
  }

  async #inbox({ address, prefetch }: Source): Promise<Consumer> {
    const { amqp, settings } = this.#context;
    const place = placeOf(address, settings);
    const { requestTimeoutMs: timeoutMs } = settings;
    const { partitionIds } = await amqp.hub(place.hub, true);
    const partition = partitionIds[hashOf(address.brokerName) % partitionIds.length] as string;
    const starts = await startsOf(amqp, {
      ...place,
      start: { from: "latest" },
      partitions: [partition],
      timeoutMs,
    });
    return HubReader.start(this.#context, { place, starts, prefetch });
  }

  /** Closes the consumer with the connection, and lets go of what it used. */
  #track(consumer: Consumer, release: () => Promise<void> = async () => {}): Consumer {
    const close = consumer.close.bind(consumer);
    let closing: Promise<void> | undefined;
    consumer.close = () => {
      closing ??= Promise.all([close(nothingStarted), release()]).then(() => {
        this.#consumers.delete(consumer);
      });
      return closing;
    };
    this.#consumers.add(consumer);
    return consumer;
  }
}
