import type { Adapter, Driver, OptionInput, OptionSources } from "@waybill/core/spi";
import { capabilities } from "./capabilities.ts";
import { connect } from "./connection.ts";
import { classify } from "./errors.ts";
import { naming } from "./mapping.ts";
import { type GooglePubsubSettings, type options, readSettings } from "./options.ts";

export type GooglePubsubOptions = OptionInput<typeof options>;

/**
 * A driver for GooglePubsub. Does no I/O until it is connected.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function googlePubsub(object: GooglePubsubOptions = {}): Driver<typeof capabilities> {
  return driverOf(readSettings({ object }));
}

export const adapter: Adapter = {
  name: "google-pubsub",
  schemes: ["google-pubsub"],
  fromUrl(url, env) {
    const { host, searchParams: query } = new URL(url);
    const sources: OptionSources = { query, env };
    return driverOf({ ...readSettings(sources), server: host });
  },
};

function driverOf(settings: GooglePubsubSettings): Driver<typeof capabilities> {
  return {
    spec: 1,
    name: "google-pubsub",
    capabilities,
    naming,
    connect: (hooks, call) => connect(settings, hooks, call),
    classify,
  };
}
