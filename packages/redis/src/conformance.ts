import type {
  ConformanceTarget,
  Endpoint,
  ExternalClient,
  ExternalListener,
  ExternalMessage,
} from "@waybill/conformance";
import { type Address, metadataHeaders } from "@waybill/core/spi";
import { Redis } from "ioredis";
import { adapter } from "./index.ts";

const shortLeaseMs = 3_000;
const refusedSecret = "not-the-password-of-anyone";

/** What a suite needs to prove this adapter on the Redis at `url`. `extras`: what only the caller has, such as power over the server. */
export function target(url: string, extras: Partial<ConformanceTarget> = {}): ConformanceTarget {
  const { hostname, port } = new URL(url);
  const driver = (through?: Endpoint, query: Record<string, string> = {}) =>
    adapter.fromUrl(variant(url, { acceptVolatile: "true", ...query }, through), {});
  return {
    adapter: "redis",
    // Behind a proxy, silence is part of the test and should be noticed soon.
    driver: (through) => driver(through, through === undefined ? {} : { responseTimeoutMs: "3000" }),
    endpoint: { host: hostname, port: port === "" ? 6379 : Number(port) },
    refused: () => {
      const refused = new URL(variant(url, {}));
      refused.username = "nobody";
      refused.password = refusedSecret;
      return adapter.fromUrl(refused.href, {});
    },
    refusedSecret,
    externalClient: async () => new RedisPeer(url),
    shortLease: {
      ms: shortLeaseMs,
      driver: (through) => driver(through, { leaseMs: String(shortLeaseMs) }),
    },
    url: {
      href: variant(url, { leaseMs: String(shortLeaseMs), acceptVolatile: "true" }),
      module: new URL(import.meta.url.endsWith(".ts") ? "./index.ts" : "./index.js", import.meta.url).href,
    },
    ...extras,
  };
}

function variant(url: string, query: Readonly<Record<string, string>>, through?: Endpoint): string {
  const changed = new URL(url);
  for (const [name, value] of Object.entries(query)) changed.searchParams.set(name, value);
  if (through !== undefined) {
    changed.hostname = through.host;
    changed.port = String(through.port);
  }
  return changed.href;
}

/** ioredis alone: XADD and XREAD, as any other program would. */
class RedisPeer implements ExternalClient {
  readonly #url: string;
  readonly #client: Redis;

  constructor(url: string) {
    this.#url = url;
    this.#client = new Redis(url);
  }

  async publish(to: Address, { body, headers, key }: ExternalMessage): Promise<void> {
    const fields = Object.entries(headers).flat();
    if (key !== undefined) fields.push(metadataHeaders.key, key);
    await this.#client.xadd(to.brokerName, "*", "body", Buffer.from(body), ...fields);
  }

  async listen(from: Address): Promise<ExternalListener> {
    const info = (await this.#client.xinfo("STREAM", from.brokerName)) as unknown[];
    const last = String(info[info.indexOf("last-generated-id") + 1]);
    return new RedisPeerListener(new Redis(this.#url), from.brokerName, last);
  }

  async close(): Promise<void> {
    this.#client.disconnect();
  }
}

class RedisPeerListener implements ExternalListener {
  readonly #client: Redis;
  readonly #stream: string;
  #last: string;

  constructor(client: Redis, stream: string, last: string) {
    this.#client = client;
    this.#stream = stream;
    this.#last = last;
  }

  async next(): Promise<ExternalMessage> {
    const reply = await this.#client.xreadBuffer(
      "COUNT",
      1,
      "BLOCK",
      10_000,
      "STREAMS",
      this.#stream,
      this.#last,
    );
    const entry = reply?.[0]?.[1]?.[0];
    if (entry === undefined) throw new Error("No message came within ten seconds.");
    const [id, fields] = entry as unknown as readonly [Buffer, readonly Buffer[]];
    this.#last = String(id);
    return externalMessage(fields);
  }

  async close(): Promise<void> {
    this.#client.disconnect();
  }
}

function externalMessage(fields: readonly Buffer[]): ExternalMessage {
  let body: Uint8Array = new Uint8Array(0);
  let key: string | undefined;
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = String(fields[i]);
    const value = fields[i + 1] as Buffer;
    if (name === "body") body = value;
    else if (name === metadataHeaders.key) key = String(value);
    else headers[name] = String(value);
  }
  return { body, headers, ...(key === undefined ? {} : { key }) };
}
