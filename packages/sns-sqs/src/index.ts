import type { Adapter, Driver } from "@waybill/core/spi";
import { capabilitiesOf, type SnsSqsCapabilities } from "./capabilities.ts";
import { SnsSqsConnection } from "./connection.ts";
import { classify } from "./errors.ts";
import { naming } from "./naming.ts";
import { readSettings, type Settings, type SnsSqsOptions, settingsFromUrl } from "./options.ts";

export type { SnsSqsCapabilities } from "./capabilities.ts";
export type { SnsSqsOptions } from "./options.ts";

/**
 * A driver for Amazon SNS and SQS. Does no I/O until it is connected.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function snsSqs(options: SnsSqsOptions = {}): Driver<SnsSqsCapabilities> {
  return driverWith(readSettings(options));
}

/** Lets `connect("aws://…")` find this package; `connect(url, { adapters: [adapter] })` where a bundler must see it. */
export const adapter: Adapter = {
  name: "sns-sqs",
  schemes: ["aws"],
  fromUrl: (url, env) => driverWith(settingsFromUrl(url, env)),
};

function driverWith(settings: Settings): Driver<SnsSqsCapabilities> {
  return {
    specVersion: "1",
    name: "sns-sqs",
    capabilities: capabilitiesOf(settings),
    naming,
    connect: (hooks, call) => SnsSqsConnection.open(settings, hooks, call),
    classify,
  };
}
