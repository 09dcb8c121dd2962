import { type Adapter, type Driver, MessagingError } from "@waybill/core/spi";
import { MemoryBroker } from "./broker/broker.ts";
import { namedBroker } from "./broker/named-brokers.ts";
import { capabilities } from "./capabilities.ts";
import { MemoryConnection } from "./connection.ts";
import { classify } from "./errors.ts";
import { type BrokerOptions, type DriverOptions, type DriverSettings, readBoth, readUrl } from "./options.ts";

export { type BrokerObserver, MemoryBroker } from "./broker/broker.ts";
export { namedBroker } from "./broker/named-brokers.ts";
export { type VirtualClock, virtualClock } from "./broker/virtual-clock.ts";
export type { BrokerOptions } from "./options.ts";

export type MemoryOptions = DriverOptions &
  (
    | (BrokerOptions & { readonly broker?: never })
    /** The broker to use. Several drivers, and so several clients, can share one. */
    | { readonly broker: MemoryBroker }
  );

/**
 * A driver for the embedded broker: the one given, or one of its own.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function memory(options: MemoryOptions = {}): Driver<typeof capabilities> {
  const { broker, ...rest } = options;
  const read = readBoth({ object: rest });
  if (broker === undefined) return driverOf(new MemoryBroker(read.broker), read.driver);
  const [misplaced] = Object.keys(read.broker);
  if (misplaced !== undefined) {
    throw new MessagingError(
      "INVALID_ARGUMENT",
      `"${misplaced}" was given for a broker that exists already.`,
      {
        remedy: "Give it to `new MemoryBroker()`.",
      },
    );
  }
  return driverOf(broker, read.driver);
}

/**
 * `memory:` is a broker of its own each time; `memory:<name>` is shared by all in
 * this process who name it.
 */
export const adapter: Adapter = {
  name: "memory",
  schemes: ["memory"],
  fromUrl(url) {
    const { name, query } = readUrl(url);
    const read = readBoth({ query });
    const broker = name === undefined ? new MemoryBroker(read.broker) : namedBroker(name, read.broker);
    return driverOf(broker, read.driver);
  },
};

function driverOf(broker: MemoryBroker, { leaseMs }: DriverSettings): Driver<typeof capabilities> {
  const { messageBytes } = broker.settings;
  return {
    specVersion: "1",
    name: "memory",
    capabilities: { ...capabilities, lease: { ms: leaseMs }, limits: { messageBytes } },
    naming: { rule: "any name", toBrokerName: (name) => name },
    connect: async (hooks) => new MemoryConnection(broker, leaseMs, hooks),
    classify,
  };
}
