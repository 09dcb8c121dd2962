import type { Adapter, Driver } from "@waybill/core/spi";
import { capabilitiesOf, type MemoryCapabilities } from "./capabilities.ts";
import { MemoryConnection } from "./connection.ts";
import { classify } from "./errors.ts";
import { naming } from "./naming.ts";
import { type MemoryOptions, readSettings, type Settings, settingsFromUrl } from "./options.ts";

export { type BrokerObserver, MemoryBroker } from "./broker/broker.ts";
export { namedBroker } from "./broker/named-brokers.ts";
export { type VirtualClock, virtualClock } from "./broker/virtual-clock.ts";
export type { MemoryCapabilities } from "./capabilities.ts";
export type { BrokerOptions, DriverOptions, MemoryOptions } from "./options.ts";

/**
 * A driver for the embedded broker: the one given, or one of its own.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function memory(options: MemoryOptions = {}): Driver<MemoryCapabilities> {
  return driverWith(readSettings(options));
}

/**
 * `memory:` is a broker of its own each time; `memory:<name>` is shared by all in
 * this process who name it.
 */
export const adapter: Adapter = {
  name: "memory",
  schemes: ["memory"],
  fromUrl: (url) => driverWith(settingsFromUrl(url)),
};

function driverWith(settings: Settings): Driver<MemoryCapabilities> {
  return {
    specVersion: "1",
    name: "memory",
    capabilities: capabilitiesOf(settings),
    naming,
    connect: (hooks) => MemoryConnection.open(settings, hooks),
    classify,
  };
}
