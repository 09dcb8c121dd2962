import kafkajs from "kafkajs";
import { describe, expect, it } from "vitest";
import { openCluster, protocolError, requests } from "../src/client/kafkajs-internals.ts";
import { repair } from "../src/client/kafkajs-repairs.ts";

const kafka = () => new kafkajs.Kafka({ brokers: ["127.0.0.1:1"], logCreator: () => () => {} });

describe("what this adapter uses of kafkajs", () => {
  it("is there", () => {
    const { brokerPool } = openCluster(kafka());
    for (const name of [
      "connect",
      "refreshMetadata",
      "findBroker",
      "findConnectedBroker",
      "createBroker",
    ] as const) {
      expect(brokerPool[name]).toBeTypeOf("function");
    }
    for (const name of ["Fetch", "Produce", "JoinGroup", "Metadata"] as const) {
      expect(requests[name].versions.length).toBeGreaterThan(0);
    }
    expect(protocolError(0)).toBeUndefined();
    expect(protocolError(3)).toMatchObject({ type: "UNKNOWN_TOPIC_OR_PARTITION" });
  });

  it("sets no timer while nothing waits", async () => {
    const { brokerPool } = openCluster(kafka());
    repair(brokerPool, {
      bootstrap: [{ host: "::1", port: 1 }],
      connectTimeoutMs: 100,
      isClosed: () => false,
    });
    const { pool } = await brokerPool.connectionPoolBuilder.build();
    expect(pool.map(({ host, port }) => [host, port])).toEqual([
      ["::1", 1],
      ["::1", 1],
    ]);
    for (const { requestQueue } of pool) {
      requestQueue.scheduleCheckPendingRequests();
      expect(requestQueue.throttleCheckTimeoutId).toBeNull();
    }
  });

  it("does not connect once it is closed", async () => {
    const { brokerPool } = openCluster(kafka());
    repair(brokerPool, {
      bootstrap: [{ host: "127.0.0.1", port: 1 }],
      connectTimeoutMs: 100,
      isClosed: () => true,
    });
    const { pool } = await brokerPool.connectionPoolBuilder.build();
    await expect(pool[0]?.connect()).rejects.toMatchObject({ name: "KafkaJSConnectionError" });
  });
});
