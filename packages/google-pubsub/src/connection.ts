import { randomUUID } from "node:crypto";
import {
  type Address,
  type Call,
  type Connection,
  type ConnectionHooks,
  type Consumer,
  type ConsumerHooks,
  MessagingError,
  nothingStarted,
  type PublishOutcome,
  type Source,
  type WireMessage,
} from "@waybill/core/spi";
import type { Leftovers } from "./broadcast/leftovers.ts";
import { createClients } from "./client/clients.ts";
import { nativeFilter } from "./client/filters.ts";
import { Service, type Subscription } from "./client/service.ts";
import { type ConsumerParts, GooglePubsubConsumer } from "./consumer.ts";
import { status, statusOf } from "./errors.ts";
import { ownAttributes } from "./mapping.ts";
import { ephemeralId, returnsId, subscriptionId } from "./naming.ts";
import type { Settings } from "./options.ts";
import { GooglePubsubPublisher } from "./publisher.ts";
import { differencesOf, GooglePubsubTopology, timeOf } from "./topology.ts";

/** What the service allows at least: for subscriptions whose client died. */
const shortestLife = { expirationPolicy: { ttl: { seconds: 86_400 } } };
/** A reply is asked for by who is there. */
const repliesKept = { messageRetentionDuration: { seconds: 600 } };
/** A reader may be slow or paused, and a message delayed. Shorter than its life, and what it keeps costs nothing yet. */
const messagesKept = { messageRetentionDuration: { seconds: 23 * 3_600 } };

/** The vendor client and its two channels, until one of them does not answer any more. */
export class GooglePubsubConnection implements Connection {
  readonly native: unknown;
  readonly broker: { readonly name: string; readonly version: undefined };
  readonly topology: GooglePubsubTopology;
  readonly #settings: Settings;
  readonly #leftovers: Leftovers;
  readonly #hooks: ConnectionHooks;
  readonly #service: Service;
  readonly #publisher: GooglePubsubPublisher;
  readonly #consumers = new Set<Consumer>();
  #closing: Promise<void> | undefined;

  /** Reads the credentials and makes sure that the service answers and knows them. */
  static async open(
    settings: Settings,
    leftovers: Leftovers,
    hooks: ConnectionHooks,
    call: Call,
  ): Promise<GooglePubsubConnection> {
    const clients = await createClients(settings);
    const service: Service = new Service(clients, settings.responseTimeoutMs, (cause) => hooks.lost(cause));
    try {
      await service.ping(call.signal);
    } catch (cause) {
      await service.close();
      if (!call.signal.aborted) throw cause;
      throw new MessagingError(
        "UNREACHABLE",
        "Pub/Sub did not answer before the attempt to connect was given up.",
        { remedy: "Check its address and the network, or raise `connectTimeoutMs`.", cause },
      );
    }
    leftovers.removeAll((name) => service.deleteSubscription(name));
    return new GooglePubsubConnection(settings, leftovers, hooks, service);
  }

  private constructor(settings: Settings, leftovers: Leftovers, hooks: ConnectionHooks, service: Service) {
    this.#settings = settings;
    this.#leftovers = leftovers;
    this.#hooks = hooks;
    this.#service = service;
    this.#publisher = new GooglePubsubPublisher(service, settings.replyTopic);
    this.topology = new GooglePubsubTopology(service, settings);
    const { pubsub } = service.clients;
    this.native = pubsub;
    this.broker = {
      name: pubsub.isEmulator ? "Pub/Sub emulator" : "Google Cloud Pub/Sub",
      version: undefined,
    };
  }

  publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    return this.#publisher.publish(to, batch, call.signal);
  }

  consume(from: Source, _hooks: ConsumerHooks, { signal }: Call): Promise<Consumer> {
    const { kind } = from.address;
    return kind === "topic" || kind === "inbox" ? this.#readAlone(from, signal) : this.#join(from, signal);
  }

  brokerTime(): number | undefined {
    return this.#service.clients.clock.now();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As a member of a group, or one of a queue's consumers. */
  async #join(from: Source, signal: AbortSignal): Promise<Consumer> {
    const { address } = from;
    const service = this.#service;
    const main = service.subscriptionPath(subscriptionId(address));
    const returns = {
      subscription: service.subscriptionPath(returnsId(address)),
      topic: service.topicPath(returnsId(address)),
    };
    const [found, waiting] = await Promise.all([
      this.#look(main, signal),
      this.#look(returns.subscription, signal),
    ]);
    if (found !== undefined) this.#check(found, from);
    const deadlines = [found, waiting].map((each) => each?.ackDeadlineSeconds ?? undefined);
    const known = deadlines[0] !== undefined && deadlines[0] === deadlines[1];
    return this.#open({
      ...this.#parts(from),
      main,
      returns,
      timeoutMs: known ? (deadlines[0] as number) * 1_000 : undefined,
      onClosed: async () => {},
    });
  }

  /** With a subscription of its own, which ends with it. */
  async #readAlone(from: Source, signal: AbortSignal): Promise<Consumer> {
    const { address, start } = from;
    const service = this.#service;
    const isInbox = address.kind === "inbox";
    const topic = isInbox ? this.#settings.replyTopic : address.brokerName;
    const name = service.subscriptionPath(ephemeralId(topic, randomUUID()));
    const ackDeadlineSeconds = Math.max(10, Math.ceil(this.#settings.leaseMs / 1_000));
    const subscription: Subscription = {
      name,
      topic: service.topicPath(topic),
      ackDeadlineSeconds,
      enableMessageOrdering: address.ordered,
      filter: isInbox
        ? `attributes:"${ownAttributes.inbox}${address.brokerName}"`
        : nativeFilter(from.filter),
      ...shortestLife,
      ...(isInbox ? repliesKept : messagesKept),
    };
    await service.createSubscription(subscription, signal);
    const remove = () => this.#leftovers.remove(name, () => service.deleteSubscription(name));
    try {
      if (start.from !== "latest") await service.seek(name, timeOf(start), signal);
    } catch (cause) {
      await remove().catch(() => {});
      throw cause;
    }
    return this.#open({
      ...this.#parts(from),
      main: name,
      returns: undefined,
      timeoutMs: ackDeadlineSeconds * 1_000,
      inbox: isInbox ? address.brokerName : undefined,
      onClosed: remove,
    });
  }

  #parts({ address, filter, prefetch, prefetchBytes }: Source) {
    const { leaseMs, pulls } = this.#settings;
    return {
      service: this.#service,
      publisher: this.#publisher,
      prefetch,
      prefetchBytes,
      leaseMs,
      // Two answers of which the second arrives first would swap what one key has in both.
      pulls: address.ordered ? 1 : pulls,
      polling: this.#service.clients.pubsub.isEmulator,
      filter,
      inbox: undefined,
      report: this.#hooks.report,
    };
  }

  #open(parts: ConsumerParts): Consumer {
    const onClosed = async () => {
      this.#consumers.delete(consumer);
      await parts.onClosed();
    };
    const consumer: Consumer = new GooglePubsubConsumer({ ...parts, onClosed });
    this.#consumers.add(consumer);
    return consumer;
  }

  /** Whoever may only consume may not look; then pulling will tell. */
  async #look(name: string, signal: AbortSignal): Promise<Subscription | undefined> {
    let found: Subscription | undefined;
    try {
      found = await this.#service.subscription(name, signal);
    } catch (cause) {
      if (statusOf(cause) === status.PERMISSION_DENIED) return undefined;
      throw cause;
    }
    if (found !== undefined) return found;
    throw new MessagingError("NOT_FOUND", `There is no subscription "${name}".`, {
      remedy: 'Create it, or connect with `topology: "create"`.',
      details: { subscription: name },
    });
  }

  #check(found: Subscription, { address, filter }: Source): void {
    const differences = differencesOf(found, {
      topic: this.#service.topicPath(address.brokerName),
      enableMessageOrdering: address.ordered,
      filter: nativeFilter(filter),
    });
    if (differences.length === 0) return;
    throw new MessagingError(
      "TOPOLOGY_MISMATCH",
      `The subscription "${found.name}" differs: ${differences.join(" ")}`,
      {
        remedy: "Delete it, with what waits in it, or rename the group.",
        details: { differences },
      },
    );
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close(nothingStarted)));
    await this.#service.close();
  }
}
