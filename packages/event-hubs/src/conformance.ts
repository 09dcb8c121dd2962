import type {
  EventHubConsumerClient,
  EventHubProducerClient,
  ReceivedEventData,
  Subscription,
} from "@azure/event-hubs";
import type {
  BrokerProcess,
  ConformanceTarget,
  Endpoint,
  ExternalClient,
  ExternalListener,
  ExternalMessage,
} from "@waybill/conformance";
import type { Driver } from "@waybill/core/spi";
import { EventHubsNative } from "./client/native.ts";
import { adapter, eventHubs } from "./index.ts";
import { type Settings, settingsFromUrl } from "./options.ts";

const sessionTimeoutMs = 3_000;
const refusedSecret = "bm90LXRoZS1rZXk=";

/** What the suite is pointed at: the namespace behind this URL, and power over its process for who has it. */
export function target(url: string, extras: { readonly broker?: BrokerProcess } = {}): ConformanceTarget {
  const settings = settingsFromUrl(url, {});
  const href = withQuery(url, {
    sessionTimeoutMs: String(sessionTimeoutMs),
    balanceIntervalMs: "500",
    checkpointIntervalMs: "100",
    idleTimeoutMs: "6000",
    requestTimeoutMs: "5000",
  });
  const driver = (through?: Endpoint): Driver =>
    adapter.fromUrl(
      through === undefined ? href : withQuery(href, { endpoint: `${through.host}:${through.port}` }),
      {},
    );
  const local = settings.tls ? {} : { emulator: true };
  return {
    adapter: "event-hubs",
    driver,
    endpoint: { host: settings.host, port: settings.port },
    refused: () =>
      eventHubs({
        ...local,
        namespace: `${settings.namespace}:${settings.port}`,
        keyName: "RootManageSharedAccessKey",
        key: refusedSecret,
        checkpoints: "memory:",
      }),
    refusedSecret,
    externalClient: () => externalClient(settings),
    shortLease: { ms: sessionTimeoutMs, driver },
    url: { href, module: import.meta.resolve("@waybill/event-hubs") },
    ...extras,
  };
}

function withQuery(url: string, values: Readonly<Record<string, string>>): string {
  const [base = "", query = ""] = url.split("?");
  const params = new URLSearchParams(query);
  for (const [name, value] of Object.entries(values)) params.set(name, value);
  return `${base}?${params}`;
}

async function externalClient(settings: Settings): Promise<ExternalClient> {
  const native = new EventHubsNative(settings);
  const producers = new Map<string, EventHubProducerClient>();
  const listeners = new Set<ExternalListener>();
  return {
    async publish(to, { body, headers, key }) {
      const producer = producers.get(to.brokerName) ?? (await native.producer(to.brokerName));
      producers.set(to.brokerName, producer);
      await producer.sendBatch(
        [{ body: Buffer.from(body), properties: { ...headers } }],
        key === undefined ? {} : { partitionKey: key },
      );
    },
    async listen(from, arrived) {
      const listener = await listen(await native.consumer(from.brokerName, "$Default"), arrived);
      listeners.add(listener);
      return listener;
    },
    async close() {
      await Promise.all([...listeners].map((listener) => listener.close()));
      await native.close();
    },
  };
}

/** From the end of each partition as it is now, so that nothing is missed while links are being opened. */
async function listen(
  client: EventHubConsumerClient,
  arrived: (message: ExternalMessage) => void,
): Promise<ExternalListener> {
  const subscriptions: Subscription[] = [];
  const handlers = {
    async processEvents(events: ReceivedEventData[]) {
      for (const event of events) arrived(shown(event));
    },
    async processError() {},
  };
  for (const partition of await client.getPartitionIds()) {
    const { lastEnqueuedSequenceNumber, isEmpty } = await client.getPartitionProperties(partition);
    const startPosition = isEmpty
      ? { offset: "-1" }
      : { sequenceNumber: lastEnqueuedSequenceNumber, isInclusive: false };
    subscriptions.push(
      client.subscribe(partition, handlers, {
        startPosition,
        maxWaitTimeInSeconds: 1,
        skipParsingBodyAsJson: true,
      }),
    );
  }
  return {
    async close() {
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
      await client.close();
    },
  };
}

function shown({ body, properties = {}, partitionKey }: ReceivedEventData): ExternalMessage {
  return {
    body: body as Uint8Array,
    headers: Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, String(value)])),
    ...(partitionKey == null ? {} : { key: partitionKey }),
  };
}
