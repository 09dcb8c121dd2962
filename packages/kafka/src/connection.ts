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
  type Source,
  systemClock,
  unlessGivenUp,
  type WireMessage,
  within,
} from "@waybill/core/spi";
import { TopicReader } from "./broadcast/topic-reader.ts";
import type { ClusterConnections, KafkaClient } from "./client/kafka-client.ts";
import { KafkaConsumer } from "./consumer.ts";
import { DelayForwarders } from "./delays/delay-forwarders.ts";
import { classify, isTransient } from "./errors.ts";
import { startOffsets } from "./groups/offsets.ts";
import { Orphans } from "./groups/orphans.ts";
import { replyPartition } from "./naming.ts";
import type { Settings } from "./options.ts";
import { KafkaPublisher } from "./publisher.ts";
import type { ConsumerContext } from "./receiving/consumer-context.ts";
import { keepAlive, makeInbox, sweepInboxes } from "./replies/inbox.ts";
import { KafkaTopology } from "./topology.ts";

/** How long deleting a reply topic may take when its client closes. */
const deleteTimeoutMs = 2_000;

/**
 * A connection heals itself: each of its connections to brokers is made anew on its next call, consumers go on
 * where they were, and calls fail meanwhile. So it never says that it is lost.
 */
export class KafkaConnection implements Connection {
  readonly native: unknown;
  readonly broker = { name: "Apache Kafka", version: undefined };
  readonly topology: KafkaTopology;
  readonly #client: KafkaClient;
  readonly #context: ConsumerContext;
  readonly #publishing: ClusterConnections;
  readonly #publisher: KafkaPublisher;
  readonly #delayForwarders: DelayForwarders;
  readonly #consumers = new OpenConsumers();
  readonly #closed = new AbortController();
  #swept = false;
  #closing: Promise<void> | undefined;

  static async open(
    client: KafkaClient,
    settings: Settings,
    hooks: ConnectionHooks,
    call: Call,
  ): Promise<KafkaConnection> {
    const control = client.newConnections();
    try {
      await unlessGivenUp(control.open(), call.signal);
    } catch (cause) {
      control.close();
      throw cause;
    }
    return new KafkaConnection(client, settings, hooks, control);
  }

  private constructor(
    client: KafkaClient,
    settings: Settings,
    hooks: ConnectionHooks,
    control: ClusterConnections,
  ) {
    this.#client = client;
    this.native = client.native;
    const kindOf = (cause: unknown) => classify(cause)?.code ?? "unknown";
    const reports = new ReportThrottle(kindOf, (cause) => hooks.report(cause));
    this.#context = {
      settings,
      control,
      newConnections: () => client.newConnections(),
      orphans: new Orphans(),
      signal: this.#closed.signal,
      report: (cause) => {
        if (this.#closing === undefined) reports.report(cause);
      },
    };
    this.#publishing = client.newConnections();
    this.#publisher = new KafkaPublisher(this.#publishing, settings.maxMessageBytes);
    this.#delayForwarders = new DelayForwarders(this.#context, this.#publisher);
    this.topology = new KafkaTopology(this.#context);
  }

  publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    return unlessGivenUp(this.#publisher.publish(to, batch), call.signal);
  }

  async consume(from: Source, hooks: ConsumerHooks, call: Call): Promise<Consumer> {
    const starting = retryTransient(() => this.#start(from, hooks), {
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
    this.#closed.abort();
    await this.#consumers.close();
    this.#publishing.close();
    this.#context.control.close();
    await this.#client.close();
  }

  async #start(from: Source, hooks: ConsumerHooks): Promise<Consumer> {
    if (from.address.kind === "inbox") return this.#consumers.track(await this.#inbox(from));
    const release = await this.#delayForwarders.use(from.address);
    try {
      const consumer =
        from.address.kind === "topic"
          ? await this.#reader(from)
          : await KafkaConsumer.start(this.#context, from, hooks);
      return this.#consumers.track(consumer, release);
    } catch (cause) {
      await release();
      throw cause;
    }
  }

  async #reader(from: Source): Promise<Consumer> {
    const { address, start, prefetch, prefetchBytes } = from;
    const topic = address.brokerName;
    const offsets = await startOffsets(this.#context.control, topic, start);
    const onClose = async () => {};
    return new TopicReader(this.#context, { topic, offsets, prefetch, prefetchBytes, grows: true, onClose });
  }

  async #inbox({ address, prefetch, prefetchBytes }: Source): Promise<Consumer> {
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
      await within(systemClock, deleteTimeoutMs, control.deleteTopic(topic), {
        onFailure: (cause) => this.#context.report(cause),
      });
    };
    return new TopicReader(this.#context, { topic, offsets, prefetch, prefetchBytes, grows: false, onClose });
  }
}
