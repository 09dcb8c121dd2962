import type { Adapter, Driver } from "@waybill/core/spi";
import { capabilities, type KafkaCapabilities } from "./capabilities.ts";
import { KafkaConnection } from "./connection.ts";
import { classify } from "./errors.ts";
import { kafkajsClient } from "./kafkajs/client.ts";
import { naming } from "./naming.ts";
import { type KafkaOptions, type Settings, settingsFromObject, settingsFromUrl } from "./options.ts";

export type { KafkaCapabilities } from "./capabilities.ts";
export type { KafkaNative } from "./kafkajs/client.ts";
export type { KafkaOptions, OpenSocket } from "./options.ts";

/** Apache Kafka, through kafkajs. Does no I/O until it is connected. */
export function kafka(options: KafkaOptions = {}): Driver<KafkaCapabilities> {
  return driver(settingsFromObject(options));
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
    capabilities: capabilities(settings.maxMessageBytes),
    naming,
    connect: (hooks, call) => KafkaConnection.open(kafkajsClient(settings), settings, hooks, call),
    classify,
  };
}
