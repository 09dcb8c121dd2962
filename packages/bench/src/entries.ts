import type { BrokerName } from "@waybill/local-brokers";
import type { Entrant } from "./contestant.ts";
import { raw as eventHubs } from "./raw/event-hubs.ts";
import { raw as googlePubsub } from "./raw/google-pubsub.ts";
import { raw as kafka } from "./raw/kafka.ts";
import { raw as memory } from "./raw/memory.ts";
import { raw as rabbitmq } from "./raw/rabbitmq.ts";
import { raw as redis } from "./raw/redis.ts";
import { raw as snsSqs } from "./raw/sns-sqs.ts";

/** An adapter and the client that it is compared with. */
export interface Entry {
  readonly adapter: string;
  readonly raw: Entrant;
  /** Messages in a round: enough for about a second. */
  readonly scale: number;
  /** The broker to start; none for the embedded one. */
  readonly broker: BrokerName | undefined;
}

export const entries: readonly Entry[] = [
  { adapter: "memory", raw: memory, scale: 200_000, broker: undefined },
  { adapter: "kafka", raw: kafka, scale: 100_000, broker: "kafka" },
  { adapter: "rabbitmq", raw: rabbitmq, scale: 30_000, broker: "rabbitmq" },
  { adapter: "redis", raw: redis, scale: 100_000, broker: "redis" },
  { adapter: "sns-sqs", raw: snsSqs, scale: 5_000, broker: "sns-sqs" },
  { adapter: "google-pubsub", raw: googlePubsub, scale: 10_000, broker: "google-pubsub" },
  { adapter: "event-hubs", raw: eventHubs, scale: 30_000, broker: "event-hubs" },
];
