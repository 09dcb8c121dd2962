import type { Adapter, Driver } from "@waybill/core/spi";
import { Leftovers } from "./broadcast/leftovers.ts";
import { capabilitiesOf, type GooglePubsubCapabilities } from "./capabilities.ts";
import { GooglePubsubConnection } from "./connection.ts";
import { classify } from "./errors.ts";
import { naming } from "./naming.ts";
import { type GooglePubsubOptions, readSettings, type Settings, settingsFromUrl } from "./options.ts";

export type { GooglePubsubCapabilities } from "./capabilities.ts";
export type { GooglePubsubOptions } from "./options.ts";

/** A driver for Google Cloud Pub/Sub. Does no I/O. */
export function googlePubsub(options: GooglePubsubOptions = {}): Driver<GooglePubsubCapabilities> {
  return driverWith(readSettings(options));
}

/** Lets `connect("pubsub://…")` find this package; `connect(url, { adapters: [adapter] })` where a bundler must see it. */
export const adapter: Adapter = {
  name: "google-pubsub",
  schemes: ["pubsub"],
  fromUrl: (url, env) => driverWith(settingsFromUrl(url, env)),
};

function driverWith(settings: Settings): Driver<GooglePubsubCapabilities> {
  const leftovers = new Leftovers();
  return {
    specVersion: "1",
    name: "google-pubsub",
    capabilities: capabilitiesOf(settings),
    naming,
    connect: (hooks, call) => GooglePubsubConnection.open(settings, leftovers, hooks, call),
    classify,
  };
}
