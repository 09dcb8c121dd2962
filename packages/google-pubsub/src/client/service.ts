import type { CallOptions, protos } from "@google-cloud/pubsub";
import { status, statusOf } from "../errors.ts";
import type { PubsubMessage } from "../mapping.ts";
import type { Clients } from "./clients.ts";
import { ConnectionMonitor } from "./connection-monitor.ts";

export type PulledMessage = protos.google.pubsub.v1.IReceivedMessage;
export type Topic = protos.google.pubsub.v1.ITopic;
export type Subscription = protos.google.pubsub.v1.ISubscription;

/** A pull waits on the service for so long at most, in milliseconds. */
const longPollMs = 60_000;
/** What a slow line needs for a large request: 16 bytes take a millisecond. */
const bytesPerMs = 16;
/** The most ids in one request, which may have 512 KiB. */
const mostIds = 1_000;

/**
 * The few calls of the service that this adapter makes: each one request, never
 * repeated by the vendor's client, which would go on for ten minutes without a word.
 */
export class Service {
  readonly clients: Clients;
  readonly #callMs: number;
  readonly #publisherMonitor: ConnectionMonitor;
  readonly #subscriberMonitor: ConnectionMonitor;
  readonly #closing = new AbortController();

  constructor(clients: Clients, responseTimeoutMs: number, onDead: (cause: unknown) => void) {
    this.clients = clients;
    this.#callMs = 2 * responseTimeoutMs;
    const dead = () => onDead(new Error("The service does not answer any more."));
    const { publisher, subscriber, projectId } = clients;
    const nothing = "waybill..monitor";
    const ask = async (question: (options: CallOptions) => Promise<unknown>) =>
      wasAnswered(await failureOf(question({ timeout: responseTimeoutMs, retry: null })));
    this.#publisherMonitor = new ConnectionMonitor(
      responseTimeoutMs,
      () => ask((options) => publisher.getTopic({ topic: topicPath(projectId, nothing) }, options)),
      dead,
    );
    this.#subscriberMonitor = new ConnectionMonitor(
      responseTimeoutMs,
      () => ask((options) => subscriber.modifyAckDeadline(nobodysLease(projectId, nothing), options)),
      dead,
    );
  }

  /** Rejects if nobody is there, or does not know us. Needs no permission. */
  async ping(signal: AbortSignal): Promise<void> {
    const { subscriber, projectId } = this.clients;
    const cause = await failureOf(
      this.#ask(
        subscriber.modifyAckDeadline(nobodysLease(projectId, "waybill..ping"), this.#options(signal)),
      ),
    );
    const code = statusOf(cause);
    const known = [undefined, status.INVALID_ARGUMENT, status.PERMISSION_DENIED] as readonly unknown[];
    if (cause === undefined || (code !== undefined && known.includes(code))) return;
    if (code === status.NOT_FOUND && !/project not found/i.test((cause as Error).message)) return;
    throw cause;
  }

  async publish(topic: string, messages: PubsubMessage[], bytes: number, signal: AbortSignal): Promise<void> {
    const options = this.#options(signal, this.#callMs + bytes / bytesPerMs);
    this.#publisherMonitor.callStarted();
    await settled(this.#publisherMonitor, this.clients.publisher.publish({ topic, messages }, options));
  }

  /** Waits until there is one, or resolves with none after a while; at once with `returnImmediately`. */
  async pull(
    subscription: string,
    maxMessages: number,
    returnImmediately: boolean,
    signal: AbortSignal,
  ): Promise<readonly PulledMessage[]> {
    const options = this.#options(signal, longPollMs);
    const request = { subscription, maxMessages, ...(returnImmediately ? { returnImmediately } : {}) };
    try {
      const [response] = await this.#ask(this.clients.subscriber.pull(request, options));
      return response.receivedMessages ?? [];
    } catch (cause) {
      // Nothing came in all this time.
      if (statusOf(cause) === status.DEADLINE_EXCEEDED && !returnImmediately) return [];
      throw cause;
    }
  }

  /** Rejects with an error whose `errorInfoMetadata` says of single ids what went wrong, where the service tells. */
  async acknowledge(subscription: string, ackIds: string[], signal?: AbortSignal): Promise<void> {
    const { subscriber } = this.clients;
    await this.#ask(subscriber.acknowledge({ subscription, ackIds }, this.#options(signal)));
  }

  /** Moves the end of leases to so many seconds from now; 0 hands back. */
  async modifyAckDeadline(
    subscription: string,
    ackIds: readonly string[],
    ackDeadlineSeconds: number,
    signal?: AbortSignal,
  ): Promise<void> {
    const { subscriber } = this.clients;
    const calls = chunks(ackIds, mostIds).map((some) => {
      const request = { subscription, ackIds: some, ackDeadlineSeconds };
      return this.#ask(subscriber.modifyAckDeadline(request, this.#options(signal)));
    });
    await Promise.all(calls);
  }

  // ── Topology ────────────────────────────────────────────────────────────────

  /** False: it was there. */
  async createTopic(topic: Topic, signal: AbortSignal): Promise<boolean> {
    return this.#unless(
      status.ALREADY_EXISTS,
      this.clients.publisher.createTopic(topic, this.#options(signal)),
    );
  }

  async updateTopic(topic: Topic, paths: string[], signal: AbortSignal): Promise<void> {
    await this.#publishing(
      this.clients.publisher.updateTopic({ topic, updateMask: { paths } }, this.#options(signal)),
    );
  }

  async topic(topic: string, signal: AbortSignal): Promise<Topic | undefined> {
    return this.#found(this.clients.publisher.getTopic({ topic }, this.#options(signal)));
  }

  async deleteTopic(topic: string, signal?: AbortSignal): Promise<boolean> {
    return this.#unless(
      status.NOT_FOUND,
      this.clients.publisher.deleteTopic({ topic }, this.#options(signal)),
    );
  }

  /** The full names of a topic's subscriptions; none where there is no topic. */
  async subscriptionsOf(topic: string, signal: AbortSignal): Promise<readonly string[]> {
    const call = this.clients.publisher.listTopicSubscriptions({ topic }, this.#options(signal));
    return (await this.#found(call)) ?? [];
  }

  /** False: it was there. */
  async createSubscription(subscription: Subscription, signal: AbortSignal): Promise<boolean> {
    return this.#unless(
      status.ALREADY_EXISTS,
      this.clients.subscriber.createSubscription(subscription, this.#options(signal)),
    );
  }

  async subscription(subscription: string, signal: AbortSignal): Promise<Subscription | undefined> {
    return this.#found(this.clients.subscriber.getSubscription({ subscription }, this.#options(signal)));
  }

  async seek(subscription: string, toMs: number, signal: AbortSignal): Promise<void> {
    const time = { seconds: Math.floor(toMs / 1_000), nanos: (toMs % 1_000) * 1_000_000 };
    await this.#ask(this.clients.subscriber.seek({ subscription, time }, this.#options(signal)));
  }

  async deleteSubscription(subscription: string, signal?: AbortSignal): Promise<boolean> {
    return this.#unless(
      status.NOT_FOUND,
      this.clients.subscriber.deleteSubscription({ subscription }, this.#options(signal)),
    );
  }

  topicPath(id: string): string {
    return topicPath(this.clients.projectId, id);
  }

  subscriptionPath(id: string): string {
    return subscriptionPath(this.clients.projectId, id);
  }

  async close(): Promise<void> {
    this.#publisherMonitor.stop();
    this.#subscriberMonitor.stop();
    this.#closing.abort();
    await this.clients.close();
  }

  #options(signal: AbortSignal | undefined, timeout = this.#callMs): CallOptions {
    return { timeout, retry: null, ...(signal === undefined ? {} : { signal }) };
  }

  #ask<T>(call: Promise<T>): Promise<T> {
    this.#subscriberMonitor.callStarted();
    return settled(this.#subscriberMonitor, call);
  }

  #publishing<T>(call: Promise<T>): Promise<T> {
    this.#publisherMonitor.callStarted();
    return settled(this.#publisherMonitor, call);
  }

  async #unless(expected: number, call: Promise<unknown>): Promise<boolean> {
    try {
      await call;
      return true;
    } catch (cause) {
      if (statusOf(cause) === expected) return false;
      throw cause;
    }
  }

  async #found<T>(call: Promise<readonly [T, ...unknown[]]>): Promise<T | undefined> {
    try {
      return (await call)[0];
    } catch (cause) {
      if (statusOf(cause) === status.NOT_FOUND) return undefined;
      throw cause;
    }
  }
}

const topicPath = (project: string, id: string) => `projects/${project}/topics/${id}`;
const subscriptionPath = (project: string, id: string) => `projects/${project}/subscriptions/${id}`;

/** A request that changes nothing, for its answer alone. */
function nobodysLease(project: string, id: string) {
  return { subscription: subscriptionPath(project, id), ackIds: ["none"], ackDeadlineSeconds: 10 };
}

async function settled<T>(monitor: ConnectionMonitor, call: Promise<T>): Promise<T> {
  try {
    const result = await call;
    monitor.callEnded(true);
    return result;
  } catch (cause) {
    monitor.callEnded(wasAnswered(cause));
    throw cause;
  }
}

/** These two come from our own side, when time is over or nobody wants to know any more. */
function wasAnswered(cause: unknown): boolean {
  const code = statusOf(cause);
  return code !== status.DEADLINE_EXCEEDED && code !== status.CANCELLED;
}

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
    return undefined;
  } catch (cause) {
    return cause;
  }
}

function chunks(ids: readonly string[], most: number): string[][] {
  const found: string[][] = [];
  for (let start = 0; start < ids.length; start += most) found.push(ids.slice(start, start + most));
  return found;
}
