import { adapterClassPrefix } from "../check/adapter-layout.ts";
import { conformanceSource } from "./conformance-source.ts";
import { optionsSource } from "./options-source.ts";

/** The sources of a new adapter: they compile, refuse to work, and say what belongs where. */
export function sources(name: string): Readonly<Record<string, string>> {
  const X = adapterClassPrefix(name);
  const factory = X.charAt(0).toLowerCase() + X.slice(1);
  return {
    "src/index.ts": `import type { Adapter, Driver } from "@waybill/core/spi";
import { capabilitiesOf } from "./capabilities.ts";
import { ${X}Connection } from "./connection.ts";
import { classify } from "./errors.ts";
import { naming } from "./naming.ts";
import { type ${X}Options, readSettings, type Settings, settingsFromUrl } from "./options.ts";

export type { ${X}Options } from "./options.ts";

export type ${X}Capabilities = ReturnType<typeof capabilitiesOf>;

/**
 * A driver for ${X}. Does no I/O until it is connected.
 * @throws MessagingError \`UNKNOWN_OPTION\` or \`INVALID_ARGUMENT\`
 */
export function ${factory}(options: ${X}Options = {}): Driver<${X}Capabilities> {
  return driverWith(readSettings(options));
}

export const adapter: Adapter = {
  name: "${name}",
  schemes: ["${name}"],
  fromUrl: (url, env) => driverWith(settingsFromUrl(url, env)),
};

function driverWith(settings: Settings): Driver<${X}Capabilities> {
  return {
    specVersion: "1",
    name: "${name}",
    capabilities: capabilitiesOf(settings),
    naming,
    connect: (hooks, call) => ${X}Connection.open(settings, hooks, call),
    classify,
  };
}
`,
    "src/options.ts": optionsSource(name, X),
    "src/capabilities.ts": `import type { Capabilities } from "@waybill/core/spi";
import type { Settings } from "./options.ts";

/** What ${X} can do. Declare what works: core refuses the rest, and the conformance suite proves both. */
export function capabilitiesOf({ maxMessageBytes }: Pick<Settings, "maxMessageBytes">) {
  return {
    features: {},
    settlement: "individual",
    retry: { how: "native", maxDelayMs: 0 },
    attempts: "lower-bound",
    retention: "groups",
    lease: undefined,
    reportsUnrouted: false,
    publishing: { maxMessages: 100, maxBytes: 1_000_000, inFlight: 1 },
    limits: { messageBytes: maxMessageBytes },
  } as const satisfies Capabilities;
}
`,
    "src/naming.ts": `import type { NamingRule } from "@waybill/core/spi";

/** Portable names are taken as they are. Where the broker takes fewer, map them, never two to one. */
export const naming: NamingRule = { rule: "${X} takes every portable name.", toBrokerName: (name) => name };
`,
    "src/connection.ts": `import {
  type Address,
  type Call,
  type Connection,
  type ConnectionHooks,
  type Consumer,
  MessagingError,
  type PublishOutcome,
  type Source,
  type WireMessage,
} from "@waybill/core/spi";
import { ${X}Consumer } from "./consumer.ts";
import type { Settings } from "./options.ts";
import { ${X}Publisher } from "./publisher.ts";
import { ${X}Topology } from "./topology.ts";

/** One client's way to the broker. Ending it ends its consumers. */
export class ${X}Connection implements Connection {
  readonly native = undefined;
  readonly topology = new ${X}Topology();
  readonly #publisher = new ${X}Publisher();

  /** One attempt to connect: core repeats it. Rejects if the broker cannot be reached or refuses the credentials. */
  static async open({ host, port }: Settings, _hooks: ConnectionHooks, _call: Call): Promise<${X}Connection> {
    if (port > 0) throw new MessagingError("UNREACHABLE", \`The client for \${host}:\${port} is not written yet.\`);
    return new ${X}Connection();
  }

  publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    return this.#publisher.publish(to, batch, call);
  }

  async consume(_from: Source): Promise<Consumer> {
    return new ${X}Consumer();
  }

  async close(): Promise<void> {}
}
`,
    "src/publisher.ts": `import type { Address, Call, PublishOutcome, WireMessage } from "@waybill/core/spi";
import { toNative } from "./mapping.ts";

/** Stores batches: one outcome for each message, once the broker has confirmed it. */
export class ${X}Publisher {
  async publish(_to: Address, batch: readonly WireMessage[], _call: Call): Promise<readonly PublishOutcome[]> {
    const cause = new Error("Publishing is not written yet.");
    return batch.map(toNative).map(() => ({ ok: false, cause }));
  }
}
`,
    "src/consumer.ts": `import type { Consumer, ReceivedMessage, Settlement, SettleOutcome } from "@waybill/core/spi";
import { ${X}Delivery } from "./delivery.ts";
import type { NativeMessage } from "./mapping.ts";

/** Receives, settles and hands back. Never loses what has arrived. */
export class ${X}Consumer implements Consumer {
  readonly #arrived: NativeMessage[] = [];

  async receive(max: number): Promise<readonly ReceivedMessage[]> {
    return this.#arrived.splice(0, max).map((message) => new ${X}Delivery(message));
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    return batch.map(() => "lost");
  }

  /** Hands back at once: what was not started costs no attempt. */
  async close(_options: { readonly started: ReadonlySet<ReceivedMessage> }): Promise<void> {}
}
`,
    "src/delivery.ts": `import type { Headers, ReceivedMessage } from "@waybill/core/spi";
import { headersOf, type NativeMessage } from "./mapping.ts";

/** A received message, and what it takes to settle it. */
export class ${X}Delivery implements ReceivedMessage {
  readonly id: string;
  readonly body: Uint8Array;
  readonly contentType = "";
  readonly key = undefined;
  readonly timestamp = 0;
  readonly headers: Headers;
  readonly expiresAt = undefined;
  readonly replyTo = undefined;
  readonly correlationId = undefined;
  readonly redeliveries = 0;
  readonly partition = undefined;
  readonly position = undefined;
  readonly native: NativeMessage;

  constructor(native: NativeMessage) {
    this.id = native.id;
    this.body = native.body;
    this.headers = headersOf(native);
    this.native = native;
  }
}
`,
    "src/topology.ts": `import type { Address, Topology, TopologyItem, TopologyState } from "@waybill/core/spi";

/** Topics, queues and groups: making is idempotent, also against another process that does the same. */
export class ${X}Topology implements Topology {
  async ensure(_items: readonly TopologyItem[]): Promise<void> {}

  async inspect(addresses: readonly Address[]): Promise<readonly TopologyState[]> {
    return addresses.map((address) => ({ address, exists: false, differences: [] }));
  }

  async remove(_addresses: readonly Address[]): Promise<void> {}
}
`,
    "src/mapping.ts": `import type { Headers, WireMessage } from "@waybill/core/spi";

/** The part of the vendor client's message that is used: an interface of our own, so that this file needs no client. */
export interface NativeMessage {
  readonly id: string;
  readonly body: Uint8Array;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Metadata goes to native fields; what has none travels under the names of \`metadataHeaders\`. */
export function toNative({ id, body, headers }: WireMessage): NativeMessage {
  return { id, body, properties: headers };
}

/** Headers of strangers may hold anything: what is no text is left out, and nothing here throws. */
export function headersOf({ properties }: NativeMessage): Headers {
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(properties)) if (typeof value === "string") headers[name] = value;
  return headers;
}
`,
    "src/errors.ts": `import type { Classification } from "@waybill/core/spi";

/** What an error of the vendor client means; \`undefined\` when it is not the vendor's. Pure. */
export function classify(_cause: unknown): Classification | undefined {
  return undefined;
}
`,
    "src/conformance.ts": conformanceSource(name, X),
  };
}
