import type { Adapter, Driver } from "@waybill/core/spi";
import { capabilitiesOf, type EventHubsCapabilities } from "./capabilities.ts";
import { EventHubsConnection } from "./connection.ts";
import { classify } from "./errors.ts";
import { naming } from "./naming.ts";
import { type EventHubsOptions, readSettings, type Settings, settingsFromUrl } from "./options.ts";

export type { EventHubsCapabilities } from "./capabilities.ts";
export type { EventHubsNative } from "./client/native.ts";
export type { EventHubsOptions } from "./options.ts";

/**
 * Azure Event Hubs. Does no I/O until it is connected.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function eventHubs(options: EventHubsOptions): Driver<EventHubsCapabilities> {
  return driver(readSettings(options));
}

/** Lets `connect("eventhubs://…")` find this package. */
/** Lets `connect("eventhubs://…")` find this package; `connect(url, { adapters: [adapter] })` where a bundler must see it. */
export const adapter: Adapter = {
  name: "event-hubs",
  schemes: ["eventhubs"],
  fromUrl: (url, env) => driver(settingsFromUrl(url, env)),
};

function driver(settings: Settings): Driver<EventHubsCapabilities> {
  return {
    specVersion: "1",
    name: "event-hubs",
    capabilities: capabilitiesOf(settings),
    naming,
    connect: (hooks, call) => EventHubsConnection.open(settings, hooks, call),
    classify,
  };
}
