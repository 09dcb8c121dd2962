import { randomUUID } from "node:crypto";
import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import type {
  Address,
  Call,
  Connection,
  ConnectionHooks,
  Consumer,
  ConsumerHooks,
  Filter,
  PublishOutcome,
  Source,
  WireMessage,
} from "@waybill/core/spi";
import { leaseSeconds } from "./capabilities.ts";
import { type Clients, createClients } from "./clients.ts";
import { SqsConsumer } from "./consumer.ts";
import { isAwsError } from "./errors.ts";
import { queueName, temporaryPrefix } from "./naming.ts";
import type { Settings } from "./options.ts";
import { fifoAttributes, NewQueues } from "./places/new-queues.ts";
import { Places } from "./places/places.ts";
import { policyFor } from "./places/queue-policy.ts";
import { Subscriptions } from "./places/subscriptions.ts";
import { TemporaryQueues } from "./places/temporary-queues.ts";
import { Publisher } from "./publishing/publisher.ts";
import { AwsTopology } from "./topology.ts";

/** There is no connection to lose: each call is a request. This makes sure that requests can succeed. */
export async function connectAws(
  settings: Settings,
  hooks: ConnectionHooks,
  call: Call,
): Promise<Connection> {
  const clients = createClients(settings);
  try {
    await knock(clients, call);
  } catch (cause) {
    clients.destroy();
    throw cause;
  }
  return new AwsConnection(settings, hooks, clients);
}

/** Asks for a queue that nobody has: an answer about that queue, or its refusal, means that the credentials are good. */
async function knock({ sqs }: Clients, { signal }: Call): Promise<void> {
  try {
    await sqs.send(new GetQueueUrlCommand({ QueueName: `${temporaryPrefix}knock` }), { abortSignal: signal });
  } catch (cause) {
    if (!isAwsError(cause, "QueueDoesNotExist", "NonExistentQueue", "AccessDenied")) throw cause;
  }
}

class AwsConnection implements Connection {
  readonly native: unknown;
  readonly broker = { name: "Amazon SNS and SQS", version: undefined };
  readonly topology: AwsTopology;
  readonly #settings: Settings;
  readonly #hooks: ConnectionHooks;
  readonly #clients: Clients;
  readonly #places: Places;
  readonly #publisher: Publisher;
  readonly #subscriptions: Subscriptions;
  readonly #temporary: TemporaryQueues;
  readonly #consumers = new Set<SqsConsumer>();
  #closing: Promise<void> | undefined;

  constructor(settings: Settings, hooks: ConnectionHooks, clients: Clients) {
    this.#settings = settings;
    this.#hooks = hooks;
    this.#clients = clients;
    this.native = clients.native;
    const atOnce = settings.endpoint !== undefined;
    this.#places = new Places(clients, settings.accountId, atOnce);
    this.#publisher = new Publisher(clients, this.#places, settings.messageBytes);
    const newQueues = new NewQueues(clients.receiving, atOnce);
    this.#temporary = new TemporaryQueues(clients, newQueues, hooks.report);
    this.#subscriptions = new Subscriptions(clients.sns, settings.filterPolicies);
    this.topology = new AwsTopology(
      clients,
      this.#places,
      this.#subscriptions,
      newQueues,
      this.#temporary,
      settings,
    );
  }

  publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    return this.#publisher.publish(to, batch, call);
  }

  async consume({ address, filter }: Source, _hooks: ConsumerHooks, call: Call): Promise<Consumer> {
    if (address.kind === "topic") return this.#openBroadcast(address, filter, call);
    const url = await this.#places.queueUrl(address, call);
    if (address.kind === "group" && filter === undefined) {
      await this.#subscriptions.feedAll(this.#places.queueArn(queueName(address)), call);
    }
    if (address.kind !== "inbox") return this.#open(address, url, async () => {});
    this.#temporary.keep(url);
    // Core opens a failed one again by the same name, which SQS would refuse for a minute if it were gone.
    return this.#open(address, url, async (failed) =>
      failed ? this.#temporary.rest(url) : this.#temporary.remove(url, undefined),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #openBroadcast(address: Address, filter: Filter | undefined, call: Call): Promise<Consumer> {
    const topic = await this.#places.topicArn(address, call);
    const name = `${temporaryPrefix}${randomUUID()}${address.ordered ? ".fifo" : ""}`;
    const url = await this.#temporary.make(
      name,
      {
        Policy: policyFor(this.#places.queueArn(name), topic),
        ...(address.ordered ? fifoAttributes : {}),
      },
      call,
    );
    let subscription: string | undefined;
    try {
      subscription = await this.#subscriptions.make(topic, this.#places.queueArn(name), filter, call);
      await this.#temporary.fedBy(url, subscription);
    } catch (cause) {
      await this.#temporary.remove(url, subscription);
      throw cause;
    }
    this.#temporary.keep(url);
    return this.#open(address, url, () => this.#temporary.remove(url, subscription));
  }

  #open(address: Address, url: string, onEnded: (failed: boolean) => Promise<void>): Consumer {
    const { waitSeconds, polls } = this.#settings;
    const consumer: SqsConsumer = new SqsConsumer({
      clients: this.#clients,
      url,
      ordered: address.ordered,
      waitSeconds,
      leaseSeconds: leaseSeconds(this.#settings),
      polls,
      settledOnArrival: address.kind === "inbox",
      report: this.#hooks.report,
      onFailed: () => this.#places.forget(address),
      onEnded: async (failed) => {
        await onEnded(failed);
        this.#consumers.delete(consumer);
      },
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  async #close(): Promise<void> {
    const consumers = [...this.#consumers];
    await Promise.all(consumers.map((consumer) => consumer.close()));
    this.#temporary.close();
    // A poll that outlasts the patience of closing still hands back what it brings.
    const ended = Promise.all(consumers.map((consumer) => consumer.ended()));
    const destroy = () => this.#clients.destroy();
    if (this.#consumers.size === 0) destroy();
    else void ended.then(destroy, destroy);
  }
}
