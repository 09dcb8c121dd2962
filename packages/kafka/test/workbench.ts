import { createConnection, Socket } from "node:net";
import type { Address, Connection } from "@waybill/core/spi";
import { expect } from "vitest";
import { Workbench } from "../../../scripts/testing/workbench.ts";
import { type KafkaOptions, kafka } from "../src/index.ts";

/** The broker under test: the environment's, or the one where local brokers usually listen. */
const url = process.env.WAYBILL_KAFKA_URL || "kafka://127.0.0.1:9092";

export class KafkaBench extends Workbench<KafkaOptions> {
  driver(options: KafkaOptions = {}) {
    const [broker = ""] = /[^/@]+$/.exec(url) ?? [];
    return kafka({ brokers: broker.split(","), sessionTimeoutMs: 6_000, partitions: 4, ...options });
  }

  override address(kind: Address["kind"], fields: Partial<Address> = {}): Address {
    return super.address(kind, { ordered: true, ...fields });
  }

  /** A connection that can be made to vanish, as if its process had died. */
  async connectCrashable(options: KafkaOptions = {}): Promise<{ connection: Connection; kill: () => void }> {
    const sockets = new Set<Socket>();
    let dead = false;
    const connection = await this.connect({
      ...options,
      openSocket: (to) => {
        const socket = dead ? new Socket() : createConnection(to);
        if (dead) setImmediate(() => socket.destroy(new Error("dead")));
        sockets.add(socket);
        return socket;
      },
    });
    const kill = () => {
      dead = true;
      for (const socket of sockets) socket.destroy(new Error("dead"));
    };
    return { connection, kill };
  }

  override async end(): Promise<void> {
    expect(this.lost, "Kafka connections heal themselves.").toEqual([]);
    await super.end();
  }
}
