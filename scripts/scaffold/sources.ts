/** The sources of a new adapter: they compile, refuse to work, and say what belongs where. */
export function sources(name: string): Readonly<Record<string, string>> {
  const Name = name.replaceAll(/(?:^|-)(\w)/g, (_, initial: string) => initial.toUpperCase());
  const factory = Name[0]?.toLowerCase() + Name.slice(1);
  return {
    "src/index.ts": `import type { Adapter, Driver, OptionInput, OptionSources } from "@waybill/core/spi";
import { capabilities } from "./capabilities.ts";
import { connect } from "./connection.ts";
import { classify } from "./errors.ts";
import { naming } from "./mapping.ts";
import { type ${Name}Settings, type options, readSettings } from "./options.ts";

export type ${Name}Options = OptionInput<typeof options>;

/**
 * A driver for ${Name}. Does no I/O until it is connected.
 * @throws MessagingError \`UNKNOWN_OPTION\` or \`INVALID_ARGUMENT\`
 */
export function ${factory}(object: ${Name}Options = {}): Driver<typeof capabilities> {
  return driverOf(readSettings({ object }));
}

export const adapter: Adapter = {
  name: "${name}",
  schemes: ["${name}"],
  fromUrl(url, env) {
    const { host, searchParams: query } = new URL(url);
    const sources: OptionSources = { query, env };
    return driverOf({ ...readSettings(sources), server: host });
  },
};

function driverOf(settings: ${Name}Settings): Driver<typeof capabilities> {
  return {
    specVersion: "1",
    name: "${name}",
    capabilities,
    naming,
    connect: (hooks, call) => connect(settings, hooks, call),
    classify,
  };
}
`,
    "src/options.ts": `import { type OptionSources, type OptionValues, option, readOptions } from "@waybill/core/spi";

/** Every option, for the object form, the URL's query and the environment at once. */
export const options = {
  server: option.string("Where the broker listens.", "localhost"),
};

export type ${Name}Settings = OptionValues<typeof options>;

export const readSettings = (sources: OptionSources): ${Name}Settings =>
  readOptions("${name}", options, sources);
`,
    "src/capabilities.ts": `import type { Capabilities } from "@waybill/core/spi";

/** What ${Name} can do. Declare what works: core refuses the rest, and the conformance suite proves both. */
export const capabilities = {
  features: {},
  settlement: "individual",
  retry: { how: "native", maxDelayMs: 0 },
  attempts: "lower-bound",
  retention: "groups",
  lease: undefined,
  reportsUnrouted: false,
  publishing: { maxMessages: 100, maxBytes: 1_000_000, inFlight: 1 },
  limits: { messageBytes: 1_000_000 },
} as const satisfies Capabilities;
`,
    "src/connection.ts": `import { type Call, type Connection, type ConnectionHooks, MessagingError } from "@waybill/core/spi";
import { ${Name}Consumer } from "./consumer.ts";
import type { ${Name}Settings } from "./options.ts";
import { ${Name}Topology } from "./topology.ts";

/** One attempt to connect; core repeats. */
export async function connect(
  { server }: ${Name}Settings,
  _hooks: ConnectionHooks,
  _call: Call,
): Promise<Connection> {
  if (server !== undefined) throw new MessagingError("UNREACHABLE", \`There is no client for \${server} yet.\`);
  return {
    native: undefined,
    publish: async (_to, batch) => batch.map(() => ({ ok: false, cause: new Error("not written yet") })),
    consume: async () => new ${Name}Consumer(),
    topology: new ${Name}Topology(),
    close: async () => {},
  };
}
`,
    "src/consumer.ts": `import type { Consumer, ReceivedMessage, Settlement, SettleOutcome } from "@waybill/core/spi";

/** Receives, settles and hands back. Never loses what has arrived. */
export class ${Name}Consumer implements Consumer {
  async receive(): Promise<readonly ReceivedMessage[]> {
    return [];
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    return batch.map(() => "lost");
  }

  async close(): Promise<void> {}
}
`,
    "src/topology.ts": `import type { Address, Topology, TopologyItem, TopologyState } from "@waybill/core/spi";

/** Topics, queues and groups: making is idempotent, also against another process that does the same. */
export class ${Name}Topology implements Topology {
  async ensure(_items: readonly TopologyItem[]): Promise<void> {}

  async inspect(addresses: readonly Address[]): Promise<readonly TopologyState[]> {
    return addresses.map((address) => ({ address, exists: false, differences: [] }));
  }

  async remove(_addresses: readonly Address[]): Promise<void> {}
}
`,
    "src/mapping.ts": `import type { NamingRule } from "@waybill/core/spi";

/** Portable names are taken as they are. Where the broker takes fewer, map them, never two to one. */
export const naming: NamingRule = { rule: "${Name} takes every portable name.", toBrokerName: (name) => name };
`,
    "src/errors.ts": `import type { Classification } from "@waybill/core/spi";

/** What an error of the vendor client means; \`undefined\` when it is not the vendor's. */
export function classify(_cause: unknown): Classification | undefined {
  return undefined;
}
`,
    "src/conformance.ts": `import type { ConformanceTarget } from "@waybill/conformance";
import { adapter } from "./index.ts";

/** What the conformance suite is pointed at. Each further part lets it prove more. */
export function target(url: string, extras: Partial<ConformanceTarget> = {}): ConformanceTarget {
  return { adapter: "${name}", driver: () => adapter.fromUrl(url, {}), ...extras };
}
`,
  };
}
