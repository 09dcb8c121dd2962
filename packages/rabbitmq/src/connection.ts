import { randomUUID } from "node:crypto";
import {
  type Address,
  type Call,
  type Connection,
  type ConnectionHooks,
  type Consumer,
  givenUp,
  MessagingError,
  nothingStarted,
  type PublishOutcome,
  type Source,
  systemClock,
  unlessGivenUp,
  type WireMessage,
  within,
} from "@waybill/core/spi";
import type { Channel, ChannelModel } from "amqplib";
import { Control } from "./client/control.ts";
import { KnownExchanges } from "./client/known-exchanges.ts";
import { destroySocket, openConnection } from "./client/node-connection.ts";
import { RabbitmqConsumer } from "./consumer.ts";
import { Delays } from "./delays/delays.ts";
import { Backfill } from "./groups/backfill.ts";
import { type HandBack, nackCounts } from "./groups/hand-back.ts";
import { PastFirst } from "./groups/past-first.ts";
import type { UncountedDeliveries } from "./groups/uncounted-deliveries.ts";
import { WaitingNotes } from "./groups/waiting-notes.ts";
import { liveName, pastName, queueName, streamName, waitingName } from "./naming.ts";
import type { Settings } from "./options.ts";
import { RabbitmqPublisher } from "./publisher.ts";
import { behindByPriority, hasActivePriorities } from "./receiving/active-consumer.ts";
import type { ConsumerOptions } from "./receiving/consumer-options.ts";
import type { GivenBack } from "./receiving/given-back.ts";
import { streamReading } from "./receiving/stream-reading.ts";
import { RabbitmqTopology } from "./topology.ts";

/** How long the broker may take to confirm that a connection closes. */
const closeTimeoutMs = 5_000;

/** What outlives a connection. */
export interface DriverMemory {
  readonly uncounted: UncountedDeliveries;
  readonly givenBack: GivenBack;
}

/**
 * Two AMQP connections: one that consumes and declares, and one that publishes,
 * made when it is first needed. If one is lost, so is the other.
 */
export class RabbitmqConnection implements Connection {
  readonly #settings: Settings;
  readonly #memory: DriverMemory;
  readonly #hooks: ConnectionHooks;
  readonly #models = new Set<ChannelModel>();
  readonly #consumers = new Set<Consumer>();
  #main: ChannelModel | undefined;
  #publishing: Promise<ChannelModel> | undefined;
  #control: Control | undefined;
  #publisher: RabbitmqPublisher | undefined;
  #topology: RabbitmqTopology | undefined;
  #closing: Promise<void> | undefined;
  #lost = false;

  /** Connects and logs in; rejects if the broker cannot be reached, refuses, or the call is given up first. */
  static async open(
    settings: Settings,
    memory: DriverMemory,
    hooks: ConnectionHooks,
    call: Call,
  ): Promise<RabbitmqConnection> {
    const connection = new RabbitmqConnection(settings, memory, hooks);
    const opening = connection.#open();
    try {
      await unlessGivenUp(opening, call.signal);
    } catch (cause) {
      void opening.catch(() => undefined).then(() => connection.close());
      throw cause;
    }
    return connection;
  }

  private constructor(settings: Settings, memory: DriverMemory, hooks: ConnectionHooks) {
    this.#settings = settings;
    this.#memory = memory;
    this.#hooks = hooks;
  }

  async #open(): Promise<void> {
    this.#main = await this.#connect("consuming");
    const control = new Control(this.#main);
    const delays = new Delays(control);
    const exchanges = new KnownExchanges();
    this.#control = control;
    this.#publisher = new RabbitmqPublisher(() => this.#publishingModel(), control, delays, exchanges);
    this.#topology = new RabbitmqTopology(
      control,
      delays,
      new Backfill(control, this.#settings),
      exchanges,
      this.#settings,
    );
  }

  /** amqplib's connection that consumes and declares. */
  get native(): ChannelModel {
    return opened(this.#main);
  }

  get broker(): { readonly name: string; readonly version: string | undefined } {
    const { product, version } = this.native.connection.serverProperties;
    return { name: String(product), version: version === undefined ? undefined : String(version) };
  }

  get topology(): RabbitmqTopology {
    return opened(this.#topology);
  }

  publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    return opened(this.#publisher).publish(to, batch, call);
  }

  async consume(from: Source, _hooks: unknown, call: Call): Promise<Consumer> {
    if (call.signal.aborted) throw givenUp(call.signal);
    return unlessGivenUp(
      this.#consume(from),
      call.signal,
      (late) => void late.close(nothingStarted).catch(() => {}),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #consume({ address, start, prefetch, prefetchBytes }: Source): Promise<Consumer> {
    const { retained } = address;
    const handBack = this.#handBackTo(address);
    const replacement = this.#replaces(address) ? behindByPriority : undefined;
    const plain = { prefetch, prefetchBytes, consume: {}, replacement, handBack, retained, ...this.#memory };
    switch (address.kind) {
      case "queue":
        return this.#start({ ...plain, queue: queueName(address), notes: this.#notesOf(address) });
      case "group": {
        const queue = queueName(address);
        const present = () => this.#start({ ...plain, queue, notes: this.#notesOf(address) });
        const past = pastName(queue);
        const control = opened(this.#control);
        if (!address.ordered || !address.retained || (await control.look(past)) === undefined)
          return present();
        return new PastFirst(await this.#start({ ...plain, queue: past }), present, {
          exists: async () => (await control.look(past)) !== undefined,
          remove: () => control.run((channel) => channel.deleteQueue(past)),
        });
      }
      case "inbox":
        return this.#start(
          { ...plain, queue: address.brokerName, consume: { noAck: true, exclusive: true } },
          (channel) =>
            channel.assertQueue(address.brokerName, { exclusive: true, durable: false, autoDelete: true }),
        );
      case "topic": {
        if (start.from !== "latest") {
          const reading = streamReading(start);
          return this.#start({ ...plain, ...reading, queue: streamName(address.brokerName) });
        }
        // It is this connection's alone, so its consumers need not be exclusive.
        const queue = liveName(address.brokerName, randomUUID());
        return this.#start({ ...plain, queue }, async (channel) => {
          await channel.assertQueue(queue, { exclusive: true, durable: false, autoDelete: true });
          await channel.bindQueue(queue, address.brokerName, "#");
        });
      }
    }
  }

  async #start(
    options: ConsumerOptions,
    prepare?: (channel: Channel) => Promise<unknown>,
  ): Promise<RabbitmqConsumer> {
    const channel = await this.native.createChannel();
    channel.on("handler-error", (error) => this.#hooks.report(error));
    const consumer = new RabbitmqConsumer(channel, options);
    this.#consumers.add(consumer);
    channel.on("close", () => this.#consumers.delete(consumer));
    try {
      await prepare?.(channel);
      await consumer.start();
    } catch (cause) {
      await consumer.close(nothingStarted);
      throw cause;
    }
    return consumer;
  }

  /** Whether it has one active consumer that another of a higher priority takes over from. */
  #replaces({ kind, ordered }: Address): boolean {
    const isQuorum = this.#settings.queueType === "quorum";
    return kind !== "topic" && ordered && isQuorum && hasActivePriorities(this.broker.version);
  }

  #handBackTo({ kind, ordered }: Address): HandBack {
    const ofMembers = kind === "queue" || kind === "group";
    if (ofMembers && ordered) return { how: "close" };
    if (!ofMembers || this.#settings.queueType !== "quorum") return { how: "nack", publishing: undefined };
    const publishing = () => this.#publishingModel();
    return { how: nackCounts(this.broker.version) ? "copy" : "nack", publishing };
  }

  #notesOf(address: Address): WaitingNotes | undefined {
    if (!address.ordered) return undefined;
    const queue = waitingName(queueName(address));
    if (Buffer.byteLength(queue) > 255) return undefined;
    return new WaitingNotes({
      queue,
      queueType: this.#settings.queueType,
      exists: async () => (await opened(this.#control).look(queue)) !== undefined,
      reading: () => this.native.createChannel(),
      publishing: () => this.#publishingModel(),
      report: (cause) => this.#hooks.report(cause),
    });
  }

  #publishingModel(): Promise<ChannelModel> {
    this.#publishing ??= this.#connect("publishing").catch((cause) => {
      this.#publishing = undefined;
      throw cause;
    });
    return this.#publishing;
  }

  async #connect(purpose: string): Promise<ChannelModel> {
    const model = await openConnection(this.#settings, purpose);
    let failure: unknown;
    // Without a listener amqplib would throw it.
    model.on("error", (error) => {
      failure = error;
    });
    model.on("handler-error", (error) => this.#hooks.report(error));
    model.on("close", (cause) => {
      this.#models.delete(model);
      destroySocket(model);
      this.#lose(failure ?? cause);
    });
    model.on("blocked", (reason) => this.#hooks.report(blocked(purpose, reason)));
    this.#models.add(model);
    if (this.#closing !== undefined) {
      await this.#closeModel(model);
      throw new MessagingError("CLOSED", "The connection is closed.", { remedy: "Connect again." });
    }
    return model;
  }

  #lose(cause: unknown): void {
    if (this.#lost || this.#closing !== undefined) return;
    this.#lost = true;
    this.#hooks.lost(
      cause ??
        new MessagingError("CONNECTION_LOST", "The broker closed the connection.", {
          remedy: "Connect again.",
        }),
    );
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close(nothingStarted)));
    await Promise.all([...this.#models].map((model) => this.#closeModel(model)));
  }

  async #closeModel(model: ChannelModel): Promise<void> {
    await within(systemClock, closeTimeoutMs, model.close());
    destroySocket(model);
  }
}

function opened<T>(part: T | undefined): T {
  if (part === undefined)
    throw new MessagingError("CLOSED", "The connection is not open.", { remedy: "Connect again." });
  return part;
}

function blocked(purpose: string, reason: string): MessagingError {
  return new MessagingError(
    "OVERLOADED",
    `The broker stopped reading from the ${purpose} connection: ${reason}.`,
    {
      remedy: "Give it memory or disk: it is short of one, and goes on by itself once it has some.",
    },
  );
}
