import { createConnection } from "node:net";
import type {
  BrokerProcess,
  ConformanceTarget,
  Endpoint,
  ExternalClient,
  ExternalListener,
  ExternalMessage,
} from "@waybill/conformance";
import type { Driver } from "@waybill/core/spi";
import kafkajs, { type Kafka } from "kafkajs";
import { parseBrokers, splitUrl } from "./client/broker-addresses.ts";
import { adapter, kafka } from "./index.ts";

/** The shortest that brokers allow by default (group.min.session.timeout.ms). */
const sessionTimeoutMs = 6_000;
const refusedSecret = "not-the-password";

/** What the suite is pointed at: the broker behind this URL, and power over its process for who has it. */
export function target(url: string, extras: { readonly broker?: BrokerProcess } = {}): ConformanceTarget {
  const { brokers = [] } = splitUrl(url);
  const [endpoint] = parseBrokers(brokers);
  if (endpoint === undefined) throw new Error("The URL names no broker.");
  const shortLived = withQuery(url, `sessionTimeoutMs=${sessionTimeoutMs}`);
  const driver = (through?: Endpoint): Driver =>
    through === undefined ? adapter.fromUrl(shortLived, {}) : detour(brokers, through);
  return {
    adapter: "kafka",
    driver,
    endpoint,
    refused: () => kafka({ brokers, username: "nobody", password: refusedSecret, mechanism: "plain" }),
    refusedSecret,
    externalClient: () => externalClient(brokers),
    shortLease: { ms: sessionTimeoutMs, driver },
    url: { href: shortLived, module: import.meta.resolve("@waybill/kafka") },
    ...extras,
  };
}

function withQuery(url: string, query: string): string {
  return `${url}${url.includes("?") ? "&" : "?"}${query}`;
}

/** Brokers name their own addresses in what they answer; all of them lead through the one endpoint. */
function detour(brokers: readonly string[], through: Endpoint): Driver {
  return kafka({
    brokers,
    sessionTimeoutMs,
    requestTimeoutMs: 5_000,
    openSocket: () => createConnection({ ...through }),
  });
}

async function externalClient(brokers: readonly string[]): Promise<ExternalClient> {
  const client = new kafkajs.Kafka({
    clientId: "externalClient",
    brokers: [...brokers],
    logCreator: () => () => {},
  });
  const producer = client.producer({
    allowAutoTopicCreation: false,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const listeners = new Set<ExternalListener>();
  return {
    async publish(to, { body, headers, key }) {
      await producer.send({
        topic: to.brokerName,
        messages: [
          { value: Buffer.from(body), headers: { ...headers }, ...(key === undefined ? {} : { key }) },
        ],
      });
    },
    async listen(from, arrived) {
      const listener = await listen(client, from.brokerName, arrived);
      listeners.add(listener);
      return listener;
    },
    async close() {
      await Promise.all([...listeners].map((listener) => listener.close()));
      await producer.disconnect();
    },
  };
}

async function listen(
  client: Kafka,
  topic: string,
  arrived: (message: ExternalMessage) => void,
): Promise<ExternalListener> {
  const groupId = `external-${crypto.randomUUID()}`;
  const admin = client.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  const consumer = client.consumer({ groupId, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ message: { value, headers = {}, key } }) => {
      arrived({
        body: value ?? new Uint8Array(0),
        headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)])),
        ...(key === null ? {} : { key: key.toString() }),
      });
    },
  });
  for (const { partition, offset } of ends) consumer.seek({ topic, partition, offset });
  return {
    async close() {
      await consumer.disconnect();
      await admin.deleteGroups([groupId]).catch(() => {});
      await admin.disconnect();
    },
  };
}
