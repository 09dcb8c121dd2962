import type { Adapter, Driver } from "@waybill/core/spi";
import { capabilitiesOf, type KafkaCapabilities } from "./capabilities.ts";
import { kafkajsClient } from "./client/kafkajs-client.ts";
import { KafkaConnection } from "./connection.ts";
import { classify } from "./errors.ts";
import { naming } from "./naming.ts";
import { type KafkaOptions, readSettings, type Settings, settingsFromUrl } from "./options.ts";

export type { KafkaCapabilities } from "./capabilities.ts";
export type { OpenSocket } from "./client/client-settings.ts";
export type { KafkaNative } from "./client/kafkajs-client.ts";
export type { KafkaOptions } from "./options.ts";

/**
 * Apache Kafka, through kafkajs. Does no I/O until it is connected.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function kafka(options: KafkaOptions = {}): Driver<KafkaCapabilities> {
  return driver(readSettings(options));
}

/** Lets `connect("kafka://…")` find this package. */
export const adapter: Adapter = {
  name: "kafka",
  schemes: ["kafka", "kafkas"],
  fromUrl: (url, env) => driver(settingsFromUrl(url, env)),
};

function driver(settings: Settings): Driver<KafkaCapabilities> {
  return {
    specVersion: "1",
    name: "kafka",
    capabilities: capabilitiesOf(settings.maxMessageBytes),
    naming,
    connect: (hooks, call) => KafkaConnection.open(kafkajsClient(settings), settings, hooks, call),
    classify,
  };
}
