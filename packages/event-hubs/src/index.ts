import type { Adapter, Driver, OptionInput, OptionSources } from "@waybill/core/spi";
import { capabilities } from "./capabilities.ts";
import { connect } from "./connection.ts";
import { classify } from "./errors.ts";
import { naming } from "./mapping.ts";
import { type EventHubsSettings, type options, readSettings } from "./options.ts";

export type EventHubsOptions = OptionInput<typeof options>;

/**
 * A driver for EventHubs. Does no I/O until it is connected.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function eventHubs(object: EventHubsOptions = {}): Driver<typeof capabilities> {
  return driverOf(readSettings({ object }));
}

export const adapter: Adapter = {
  name: "event-hubs",
  schemes: ["event-hubs"],
  fromUrl(url, env) {
    const { host, searchParams: query } = new URL(url);
    const sources: OptionSources = { query, env };
    return driverOf({ ...readSettings(sources), server: host });
  },
};

function driverOf(settings: EventHubsSettings): Driver<typeof capabilities> {
  return {
    spec: 1,
    name: "event-hubs",
    capabilities,
    naming,
    connect: (hooks, call) => connect(settings, hooks, call),
    classify,
  };
}
