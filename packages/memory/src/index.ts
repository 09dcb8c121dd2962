import { type Adapter, type Driver, MessagingError } from "@waybill/core/spi";
import { MemoryBroker } from "./broker.ts";
import { capabilities } from "./capabilities.ts";
import { MemoryConnection } from "./connection.ts";
import { classify } from "./errors.ts";
import { namedBroker } from "./named-brokers.ts";
import { type BrokerOptions, readBrokerOptions, readUrl } from "./options.ts";

export { MemoryBroker } from "./broker.ts";
export { namedBroker } from "./named-brokers.ts";
export type { BrokerOptions } from "./options.ts";
export { type VirtualClock, virtualClock } from "./virtual-clock.ts";

/** Either a broker to share, or the options of one that is made for this driver alone. */
export type MemoryOptions = { readonly broker: MemoryBroker } | (BrokerOptions & { readonly broker?: never });

/**
 * A driver for the embedded broker.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function memory(options: MemoryOptions = {}): Driver<typeof capabilities> {
  const { broker, ...brokerOptions } = options;
  if (broker === undefined) return driverOf(new MemoryBroker(brokerOptions));
  if (Object.keys(brokerOptions).length > 0) {
    throw new MessagingError("INVALID_ARGUMENT", "A broker was given together with options for a new one.", {
      remedy: "Give these options to `new MemoryBroker()`.",
    });
  }
  return driverOf(broker);
}

/**
 * `memory:` is a broker of its own for every `connect`; `memory:<name>` is shared by
 * all in this process who name it.
 */
export const adapter: Adapter = {
  name: "memory",
  schemes: ["memory"],
  fromUrl(url) {
    const { name, query } = readUrl(url);
    return driverOf(
      name === undefined ? new MemoryBroker(readBrokerOptions({}, query)) : namedBroker(name, query),
    );
  },
};

function driverOf(broker: MemoryBroker): Driver<typeof capabilities> {
  const { leaseMs, messageBytes } = broker.settings;
  return {
    spec: 1,
    name: "memory",
    capabilities: { ...capabilities, lease: { ms: leaseMs }, limits: { messageBytes } },
    naming: { rule: "any name", toPhysical: (name) => name },
    connect: async (hooks) => new MemoryConnection(broker, hooks),
    classify,
  };
}
