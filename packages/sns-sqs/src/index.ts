import type { Adapter, Driver } from "@waybill/core/spi";
import { capabilitiesOf } from "./capabilities.ts";
import { connectAws } from "./connection.ts";
import { classify } from "./errors.ts";
import { naming } from "./naming.ts";
import { type Settings, type SnsSqsOptions, settingsFromUrl, settingsOf } from "./options.ts";

export type { SnsSqsOptions } from "./options.ts";

export type SnsSqsCapabilities = ReturnType<typeof capabilitiesOf>;

/**
 * A driver for Amazon SNS and SQS. Does no I/O until it is connected.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function snsSqs(options: SnsSqsOptions = {}): Driver<SnsSqsCapabilities> {
  return driverWith(settingsOf(options));
}

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
    connect: (hooks, call) => connectAws(settings, hooks, call),
    classify,
  };
}
