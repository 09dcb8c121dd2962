import { randomUUID } from "node:crypto";
import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import {
  type Address,
  type Call,
  type Connection,
  type ConnectionHooks,
  type Consumer,
  type ConsumerHooks,
  nothingStarted,
  type PublishOutcome,
  type Source,
  type WireMessage,
} from "@waybill/core/spi";
import { TemporaryQueues } from "./broadcast/temporary-queues.ts";
import { leaseSeconds } from "./capabilities.ts";
import { type Clients, createClients } from "./client/clients.ts";
import { fifoAttributes, NewQueues } from "./client/new-queues.ts";
import { policyFor } from "./client/queue-policy.ts";
import { ResourceCache } from "./client/resource-cache.ts";
import { Subscriptions } from "./client/subscriptions.ts";
import { SnsSqsConsumer } from "./consumer.ts";
import { isAwsError } from "./errors.ts";
import { queueName, temporaryPrefix } from "./naming.ts";
import type { Settings } from "./options.ts";
import { SnsSqsPublisher } from "./publisher.ts";
import { SnsSqsTopology } from "./topology.ts";

/** Asks for a queue that nobody has: an answer about that queue, or its refusal, means that the credentials are good. */
async function verifyCredentials({ sqs }: Clients, { signal }: Call): Promise<void> {
  try {
    await sqs.send(new GetQueueUrlCommand({ QueueName: `${temporaryPrefix}nobody` }), {
      abortSignal: signal,
    });
  } catch (cause) {
    if (!isAwsError(cause, "QueueDoesNotExist", "NonExistentQueue", "AccessDenied")) throw cause;
  }
}

/** There is no connection to lose: each call is a request of its own. */
export class SnsSqsConnection implements Connection {
  readonly native: unknown;
  readonly broker = { name: "Amazon SNS and SQS", version: undefined };
  readonly topology: SnsSqsTopology;
  readonly #settings: Settings;
  readonly #hooks: ConnectionHooks;
  readonly #clients: Clients;
  readonly #resources: ResourceCache;
  readonly #publisher: SnsSqsPublisher;
  readonly #subscriptions: Subscriptions;
  readonly #temporary: TemporaryQueues;
  readonly #consumers = new Set<SnsSqsConsumer>();
  #closing: Promise<void> | undefined;

  /** Makes sure that requests can succeed. */
  static async open(settings: Settings, hooks: ConnectionHooks, call: Call): Promise<SnsSqsConnection> {
    const clients = createClients(settings);
    try {
      await verifyCredentials(clients, call);
    } catch (cause) {
      clients.destroy();
      throw cause;
    }
    return new SnsSqsConnection(settings, hooks, clients);
  }

  private constructor(settings: Settings, hooks: ConnectionHooks, clients: Clients) {
    this.#settings = settings;
    this.#hooks = hooks;
    this.#clients = clients;
    this.native = clients.native;
    const atOnce = settings.endpoint !== undefined;
    this.#resources = new ResourceCache(clients, settings.accountId, atOnce);
    this.#publisher = new SnsSqsPublisher(clients, this.#resources, settings.messageBytes);
    const newQueues = new NewQueues(clients.receiving, atOnce);
    this.#temporary = new TemporaryQueues(clients, newQueues, hooks.report);
    this.#subscriptions = new Subscriptions(clients.sns, settings.filterPolicies);
    this.topology = new SnsSqsTopology(
      clients,
      this.#resources,
      this.#subscriptions,
      newQueues,
      this.#temporary,
      settings,
    );
  }

  publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    return this.#publisher.publish(to, batch, call);
  }

  async consume(source: Source, _hooks: ConsumerHooks, call: Call): Promise<Consumer> {
    const { address, filter } = source;
    if (address.kind === "topic") return this.#openBroadcast(source, call);
    const url = await this.#resources.queueUrl(address, call);
    if (address.kind === "group" && filter === undefined) {
      await this.#subscriptions.feedAll(this.#resources.queueArn(queueName(address)), call);
    }
    if (address.kind !== "inbox") return this.#open(source, url, async () => {});
    this.#temporary.keep(url);
    // Core opens a failed one again by the same name, which SQS would refuse for a minute if it were gone.
    return this.#open(source, url, async (failed) =>
      failed ? this.#temporary.rest(url) : this.#temporary.remove(url, undefined),
    );
  }

  brokerTime(): number | undefined {
    return this.#clients.time.now();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #openBroadcast(source: Source, call: Call): Promise<Consumer> {
    const { address, filter } = source;
    const topic = await this.#resources.topicArn(address, call);
    const name = `${temporaryPrefix}${randomUUID()}${address.ordered ? ".fifo" : ""}`;
    const url = await this.#temporary.make(
      name,
      {
        Policy: policyFor(this.#resources.queueArn(name), topic),
        ...(address.ordered ? fifoAttributes : {}),
      },
      call,
    );
    let subscription: string | undefined;
    try {
      subscription = await this.#subscriptions.make(topic, this.#resources.queueArn(name), filter, call);
      await this.#temporary.fedBy(url, subscription);
    } catch (cause) {
      await this.#temporary.remove(url, subscription);
      throw cause;
    }
    this.#temporary.keep(url);
    return this.#open(source, url, () => this.#temporary.remove(url, subscription));
  }

  #open(
    { address, prefetchBytes }: Source,
    url: string,
    onEnded: (failed: boolean) => Promise<void>,
  ): Consumer {
    const { waitSeconds, polls } = this.#settings;
    const consumer: SnsSqsConsumer = new SnsSqsConsumer({
      clients: this.#clients,
      url,
      ordered: address.ordered,
      waitSeconds,
      leaseSeconds: leaseSeconds(this.#settings),
      polls,
      prefetchBytes,
      autoAck: address.kind === "inbox",
      report: this.#hooks.report,
      onFailed: () => this.#resources.forget(address),
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
    await Promise.all(consumers.map((consumer) => consumer.close(nothingStarted)));
    this.#temporary.close();
    // A poll that takes longer than closing waits still hands back what it brings.
    const ended = Promise.all(consumers.map((consumer) => consumer.ended()));
    const destroy = () => this.#clients.destroy();
    if (this.#consumers.size === 0) destroy();
    else void ended.then(destroy, destroy);
  }
}
