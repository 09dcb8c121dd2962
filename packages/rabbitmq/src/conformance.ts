import type {
  BrokerProcess,
  ConformanceTarget,
  Endpoint,
  ExternalClient,
  ExternalListener,
  ExternalMessage,
} from "@waybill/conformance";
import { type Address, type Driver, metadataHeaders } from "@waybill/core/spi";
import { type ChannelModel, connect } from "amqplib";
import { adapter } from "./index.ts";
import { nodesOf, settingsFromUrl } from "./options.ts";

const refusedSecret = "not-the-password";

/** What the suite is pointed at: the broker behind this URL, and power over its process for who has it. */
export function target(url: string, extras: { readonly broker?: BrokerProcess } = {}): ConformanceTarget {
  const [endpoint] = nodesOf(settingsFromUrl(url, {}));
  if (endpoint === undefined) throw new Error("The URL names no broker.");
  return {
    adapter: "rabbitmq",
    driver: (through) => driverFor(url, through),
    endpoint,
    refused: () => adapter.fromUrl(withPassword(url, refusedSecret), {}),
    refusedSecret,
    externalClient: () => externalClient(url),
    url: { href: url, module: import.meta.resolve("@waybill/rabbitmq") },
    ...extras,
  };
}

/** What goes through a fault proxy is to notice soon that the other side is silent. */
function driverFor(url: string, through: Endpoint | undefined): Driver {
  if (through === undefined) return adapter.fromUrl(url, {});
  const detour = url.replace(/^(amqps?:\/\/(?:[^@/]*@)?)[^/?]*/, `$1${through.host}:${through.port}`);
  const shortTimeouts = "heartbeatSeconds=2&connectTimeoutMs=5000";
  return adapter.fromUrl(`${detour}${detour.includes("?") ? "&" : "?"}${shortTimeouts}`, {});
}

function withPassword(url: string, password: string): string {
  return url.replace(/^(amqps?:\/\/)(?:([^@:/]*)(?::[^@/]*)?@)?/, (_, scheme, user) => {
    return `${scheme}${user || "guest"}:${password}@`;
  });
}

async function externalClient(url: string): Promise<ExternalClient> {
  // The options in the query are this adapter's, not amqplib's.
  const model = await connect(url.replace(/\?.*$/, ""));
  model.on("error", () => undefined);
  const channel = await model.createConfirmChannel();
  channel.on("error", () => undefined);
  return {
    async publish(to, { body, headers, key }) {
      const keyed = key === undefined ? {} : { [metadataHeaders.key]: key };
      channel.publish(...placeOf(to), Buffer.from(body), { headers: { ...headers, ...keyed } });
      await channel.waitForConfirms();
    },
    listen: (from, arrived) => listen(model, from, arrived),
    close: () => model.close(),
  };
}

function placeOf({ kind, brokerName }: Address): [exchange: string, routingKey: string] {
  return kind === "topic" ? [brokerName, ""] : ["", brokerName];
}

async function listen(
  model: ChannelModel,
  { kind, brokerName }: Address,
  arrived: (message: ExternalMessage) => void,
): Promise<ExternalListener> {
  const channel = await model.createChannel();
  channel.on("error", () => undefined);
  let queue = brokerName;
  if (kind === "topic") {
    queue = (await channel.assertQueue("", { exclusive: true })).queue;
    await channel.bindQueue(queue, brokerName, "#");
  }
  await channel.consume(queue, (message) => {
    if (message === null) return;
    const entries = Object.entries(message.properties.headers ?? {});
    const headers = Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
    // AMQP has no place for an ordering key; it travels in the header documented for it.
    const key = headers[metadataHeaders.key];
    arrived({ body: message.content, headers, ...(key === undefined ? {} : { key }) });
    channel.ack(message);
  });
  return {
    close: () => channel.close(),
  };
}
