import { setTimeout as sleep } from "node:timers/promises";
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
  unlessGivenUp,
  type WireMessage,
} from "@waybill/core/spi";
import type { KafkaClient, KafkaLink } from "./client.ts";
import { type ConsumerContext, GroupConsumer } from "./consumer.ts";
import { Movers } from "./delays/movers.ts";
import { classify, isTransient } from "./errors.ts";
import { TopicReader } from "./fetching/reader.ts";
import { startOffsets } from "./groups/offsets.ts";
import { Orphans } from "./groups/orphans.ts";
import { keepAlive, makeInbox, replyPartition, sweepInboxes } from "./inbox.ts";
import type { Settings } from "./options.ts";
import { Publisher } from "./publishing/publisher.ts";
import { KafkaTopology } from "./topology.ts";

/** How long the same kind of trouble in the background is not worth another word. */
const sameNewsMs = 30_000;

/**
 * A connection heals itself: each link reconnects on its next call, consumers go on
 * where they were, and calls fail meanwhile. So it never says that it is lost.
 */
export class KafkaConnection implements Connection {
  readonly native: unknown;
  readonly broker = { name: "Apache Kafka", version: undefined };
  readonly topology: KafkaTopology;
  readonly #client: KafkaClient;
  readonly #context: ConsumerContext;
  readonly #publishing: KafkaLink;
  readonly #publisher: Publisher;
  readonly #movers: Movers;
  readonly #consumers = new Set<Consumer>();
  readonly #reportedAt = new Map<string, number>();
  #swept = false;
  #closing: Promise<void> | undefined;

  static async open(
    client: KafkaClient,
    settings: Settings,
    hooks: ConnectionHooks,
    call: Call,
  ): Promise<KafkaConnection> {
    const control = client.link();
    try {
      await unlessGivenUp(control.open(), call.signal);
    } catch (cause) {
      control.close();
      throw cause;
    }
    return new KafkaConnection(client, settings, hooks, control);
  }

  private constructor(client: KafkaClient, settings: Settings, hooks: ConnectionHooks, control: KafkaLink) {
    this.#client = client;
    this.native = client.native;
    this.#context = {
      settings,
      control,
      link: () => client.link(),
      orphans: new Orphans(),
      isClosed: () => this.#closing !== undefined,
      report: (cause) => {
        if (this.#closing === undefined && this.#isNews(cause)) hooks.report(cause);
      },
    };
    this.#publishing = client.link();
    this.#publisher = new Publisher(this.#publishing, settings.maxMessageBytes);
    this.#movers = new Movers(this.#context, this.#publisher);
    this.topology = new KafkaTopology(this.#context);
  }

  publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    return unlessGivenUp(this.#publisher.publish(to, batch), call.signal);
  }

  async consume(from: Source, hooks: ConsumerHooks, call: Call): Promise<Consumer> {
    const { requestTimeoutMs } = this.#context.settings;
    const starting = retryTransient(() => this.#start(from, hooks), {
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

  /** While a broker is away, every link and every try would say so. */
  #isNews(cause: unknown): boolean {
    const { code = "unknown" } = classify(cause) ?? {};
    const now = Date.now();
    if (now - (this.#reportedAt.get(code) ?? 0) < sameNewsMs) return false;
    this.#reportedAt.set(code, now);
    return true;
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#consumers].map((consumer) => consumer.close(nothingStarted)));
    this.#publishing.close();
    this.#context.control.close();
    await this.#client.close();
  }

  async #start(from: Source, hooks: ConsumerHooks): Promise<Consumer> {
    if (from.address.kind === "inbox") return this.#track(await this.#inbox(from));
    const release = await this.#movers.use(from.address);
    try {
      const consumer =
        from.address.kind === "topic"
          ? await this.#reader(from)
          : await GroupConsumer.start(this.#context, from, hooks);
      return this.#track(consumer, release);
    } catch (cause) {
      await release();
      throw cause;
    }
  }

  async #reader({ address, start, prefetch }: Source): Promise<Consumer> {
    const topic = address.brokerName;
    const offsets = await startOffsets(this.#context.control, topic, start);
    return new TopicReader(this.#context, { topic, offsets, prefetch, grows: true, onClose: async () => {} });
  }

  async #inbox({ address, prefetch }: Source): Promise<Consumer> {
    const { control } = this.#context;
    const topic = address.brokerName;
    await makeInbox(this.#context, topic);
    const offsets = await control.listOffsets(topic, [replyPartition], "latest");
    const stopSigns = await keepAlive(this.#context, this.#publisher, topic);
    if (!this.#swept) {
      this.#swept = true;
      // Tidying up after others is no reason to fail or to wait.
      sweepInboxes(this.#context).catch(() => {});
    }
    const onClose = async () => {
      stopSigns();
      await Promise.race([
        control.deleteTopic(topic).catch((cause: unknown) => this.#context.report(cause)),
        sleep(2_000),
      ]);
    };
    return new TopicReader(this.#context, { topic, offsets, prefetch, grows: false, onClose });
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
