import type { Adapter, Driver, OptionInput, OptionSources } from "@waybill/core/spi";
import { capabilities } from "./capabilities.ts";
import { connect } from "./connection.ts";
import { classify } from "./errors.ts";
import { naming } from "./mapping.ts";
import { type options, readSettings, type SnsSqsSettings } from "./options.ts";

export type SnsSqsOptions = OptionInput<typeof options>;

/**
 * A driver for SnsSqs. Does no I/O until it is connected.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function snsSqs(object: SnsSqsOptions = {}): Driver<typeof capabilities> {
  return driverOf(readSettings({ object }));
}

export const adapter: Adapter = {
  name: "sns-sqs",
  schemes: ["sns-sqs"],
  fromUrl(url, env) {
    const { host, searchParams: query } = new URL(url);
    const sources: OptionSources = { query, env };
    return driverOf({ ...readSettings(sources), server: host });
  },
};

function driverOf(settings: SnsSqsSettings): Driver<typeof capabilities> {
  return {
    spec: 1,
    name: "sns-sqs",
    capabilities,
    naming,
    connect: (hooks, call) => connect(settings, hooks, call),
    classify,
  };
}
