import type { Admin, Kafka, Producer } from "kafkajs";
import kafkajs from "kafkajs";
import type { ClientSettings } from "./client-settings.ts";
import type { KafkaClient } from "./kafka-client.ts";
import { KafkajsConnections } from "./kafkajs-connections.ts";
import { LeaderCache } from "./leader-cache.ts";

/** What `connection.native` holds. */
export interface KafkaNative {
  readonly kafka: Kafka;
  /** Made on first use and not connected: call `connect()`. Ends with the Waybill connection. */
  readonly producer: Producer;
  /** Made on first use and not connected: call `connect()`. Ends with the Waybill connection. */
  readonly admin: Admin;
}

/** kafkajs behind `KafkaClient`. */
export function kafkajsClient(settings: ClientSettings): KafkaClient {
  const kafka = new kafkajs.Kafka({
    clientId: settings.clientId,
    brokers: settings.brokers.map(({ host, port }) => `${host}:${port}`),
    connectionTimeout: settings.connectTimeoutMs,
    authenticationTimeout: settings.connectTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    // Few and quick: core holds what failed and sends it again.
    retry: {
      retries: Math.max(1, settings.brokers.length - 1),
      initialRetryTime: 50,
      maxRetryTime: 500,
      restartOnFailure: async () => false,
    },
    socketFactory: settings.socketFactory,
    ...(settings.ssl === undefined ? {} : { ssl: settings.ssl }),
    ...(settings.sasl === undefined ? {} : { sasl: settings.sasl }),
    // Nothing is printed: what matters comes back as an error of the call it belongs to.
    logCreator: () => () => {},
  });
  const native = new LazyNative(kafka);
  const leaders = new LeaderCache();
  return {
    native,
    newConnections: () => new KafkajsConnections(kafka, settings, leaders),
    close: () => native.close(),
  };
}

class LazyNative implements KafkaNative {
  readonly kafka: Kafka;
  #producer: Producer | undefined;
  #admin: Admin | undefined;

  constructor(kafka: Kafka) {
    this.kafka = kafka;
  }

  get producer(): Producer {
    this.#producer ??= this.kafka.producer({
      allowAutoTopicCreation: false,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    return this.#producer;
  }

  get admin(): Admin {
    this.#admin ??= this.kafka.admin();
    return this.#admin;
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#producer?.disconnect(), this.#admin?.disconnect()]);
  }
}
