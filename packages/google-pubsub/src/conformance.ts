import { PubSub, v1 } from "@google-cloud/pubsub";
import type {
  ConformanceTarget,
  Endpoint,
  ExternalClient,
  ExternalListener,
  ExternalMessage,
} from "@waybill/conformance";
import type { Address } from "@waybill/core/spi";
import { quirksOf } from "./client/emulators.ts";
import { adapter } from "./index.ts";

/** Shorter than the service allows a subscription to begin with; messages are leased anew on receipt. */
const shortLeaseMs = 3_000;

/**
 * What a suite needs to prove this adapter on the Pub/Sub at `url`. `extras`: what only the caller has.
 * With `emulator=pstest` in the URL it expects the manners of that one, and not those of Google's emulator.
 */
export function target(urlOfAny: string, extras: Partial<ConformanceTarget> = {}): ConformanceTarget {
  const { url, emulator: which } = taken(urlOfAny);
  const emulator = new URL(url).searchParams.get("emulatorHost");
  const driver = (through?: Endpoint, query: Record<string, string> = {}) =>
    adapter.fromUrl(variant(url, query, through), {});
  return {
    adapter: "google-pubsub",
    // Behind a proxy, silence is part of the test and should be noticed soon.
    driver: (through) => driver(through, through === undefined ? {} : { responseTimeoutMs: "4000" }),
    ...(emulator === null ? {} : { endpoint: endpointOf(emulator), quirks: quirksOf[which] }),
    externalClient: async () => new PubsubPeer(url),
    shortLease: {
      ms: shortLeaseMs,
      driver: (through) => driver(through, { leaseMs: String(shortLeaseMs) }),
    },
    url: {
      href: variant(url, { leaseMs: String(shortLeaseMs) }),
      module: new URL(import.meta.url.endsWith(".ts") ? "./index.ts" : "./index.js", import.meta.url).href,
    },
    ...extras,
  };
}

/** The URL as the adapter takes it, and what is said of the other end. */
function taken(text: string) {
  const url = new URL(text);
  const emulator = url.searchParams.get("emulator") === "pstest" ? "pstest" : "emulator";
  url.searchParams.delete("emulator");
  return { url: url.href, emulator } as const;
}

function endpointOf(text: string): Endpoint {
  const [host = "", port = ""] = text.split(":");
  return { host, port: Number(port) };
}

function variant(url: string, query: Readonly<Record<string, string>>, through?: Endpoint): string {
  const changed = new URL(url);
  for (const [name, value] of Object.entries(query)) changed.searchParams.set(name, value);
  if (through !== undefined) changed.searchParams.set("emulatorHost", `${through.host}:${through.port}`);
  return changed.href;
}

/** Google's client alone, as any other program would use it. */
class PubsubPeer implements ExternalClient {
  readonly #pubsub: PubSub;

  constructor(url: string) {
    const { hostname, searchParams } = new URL(url);
    const apiEndpoint = searchParams.get("emulatorHost");
    this.#pubsub = new PubSub({
      projectId: hostname,
      ...(apiEndpoint === null
        ? {}
        : { apiEndpoint, emulatorMode: true, clientOptions: { universeDomain: "googleapis.com" } }),
    });
  }

  async publish(to: Address, { body, headers, key }: ExternalMessage): Promise<void> {
    const topic = this.#pubsub.topic(to.brokerName, { messageOrdering: key !== undefined });
    await topic.publishMessage({
      data: Buffer.from(body),
      attributes: { ...headers },
      ...(key === undefined ? {} : { orderingKey: key }),
    });
  }

  async listen(from: Address): Promise<ExternalListener> {
    const id = `peer-${Math.random().toString(36).slice(2)}`;
    await this.#pubsub.topic(from.brokerName).createSubscription(id, { enableMessageOrdering: from.ordered });
    const config = await this.#pubsub.getClientConfig();
    const subscriber = new v1.SubscriberClient(
      config as ConstructorParameters<typeof v1.SubscriberClient>[0],
    );
    return new PubsubPeerListener(subscriber, `projects/${this.#pubsub.projectId}/subscriptions/${id}`);
  }

  async close(): Promise<void> {
    await this.#pubsub.close();
  }
}

class PubsubPeerListener implements ExternalListener {
  readonly #subscriber: v1.SubscriberClient;
  readonly #subscription: string;

  constructor(subscriber: v1.SubscriberClient, subscription: string) {
    this.#subscriber = subscriber;
    this.#subscription = subscription;
  }

  async next(): Promise<ExternalMessage> {
    const subscription = this.#subscription;
    for (const deadline = performance.now() + 10_000; performance.now() < deadline; ) {
      const [response] = await this.#subscriber.pull({
        subscription,
        maxMessages: 1,
        returnImmediately: true,
      });
      const received = response.receivedMessages?.[0];
      if (received === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      await this.#subscriber.acknowledge({ subscription, ackIds: [received.ackId as string] });
      const { data, attributes, orderingKey } = received.message ?? {};
      return {
        body: data as Uint8Array,
        headers: { ...attributes },
        ...(orderingKey ? { key: orderingKey } : {}),
      };
    }
    throw new Error("No message came within ten seconds.");
  }

  async close(): Promise<void> {
    await this.#subscriber.deleteSubscription({ subscription: this.#subscription }).catch(() => {});
    await this.#subscriber.close();
  }
}
