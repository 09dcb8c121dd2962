import type { Adapter, Driver } from "@waybill/core/spi";
import { capabilitiesOf } from "./capabilities.ts";
import { connectPubsub, type Leftovers } from "./connection.ts";
import { classify } from "./errors.ts";
import { naming } from "./naming.ts";
import { type GooglePubsubOptions, type Settings, settingsFromUrl, settingsOf } from "./options.ts";

export type { GooglePubsubOptions } from "./options.ts";

export type GooglePubsubCapabilities = ReturnType<typeof capabilitiesOf>;

/** A driver for Google Cloud Pub/Sub. Does no I/O. */
export function googlePubsub(options: GooglePubsubOptions = {}): Driver<GooglePubsubCapabilities> {
  return driverWith(settingsOf(options));
}

export const adapter: Adapter = {
  name: "google-pubsub",
  schemes: ["pubsub"],
  fromUrl: (url, env) => driverWith(settingsFromUrl(url, env)),
};

function driverWith(settings: Settings): Driver<GooglePubsubCapabilities> {
  const leftovers: Leftovers = new Set();
  return {
    specVersion: "1",
    name: "google-pubsub",
    capabilities: capabilitiesOf(settings),
    naming,
    connect: (hooks, call) => connectPubsub(settings, leftovers, hooks, call),
    classify,
  };
}
