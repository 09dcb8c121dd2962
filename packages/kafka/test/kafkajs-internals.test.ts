import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import kafkajs from "kafkajs";
import { describe, expect, it } from "vitest";
import { openCluster, type ProtocolCall, protocolError, requests } from "../src/client/kafkajs-internals.ts";
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

  it("begins anew after a connection that broke off in the middle of an answer", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", (request) => {
        const correlationId = request.readInt32BE(8);
        const answer = Buffer.alloc(4 + 4 + 100);
        answer.writeInt32BE(104, 0);
        answer.writeInt32BE(correlationId, 4);
        if (sockets.length > 1) socket.write(answer);
        else socket.write(answer.subarray(0, 40), () => socket.resetAndDestroy());
      });
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const { brokerPool } = openCluster(kafka());
    const at = { host: "127.0.0.1", port };
    repair(brokerPool, { bootstrap: [at], connectTimeoutMs: 1_000, isClosed: () => false });
    const connection = (await brokerPool.connectionPoolBuilder.build()).pool[0];
    const none = Buffer.alloc(0);
    const call: ProtocolCall = {
      request: {
        apiKey: 18,
        apiVersion: 0,
        apiName: "ApiVersions",
        encode: async () => ({ buf: none, buffer: none }),
      },
      response: {
        decode: async (payload) => ({ clientSideThrottleTime: 0, bytes: payload.length }),
        parse: async ({ bytes }) => bytes,
      },
    };
    try {
      await connection?.connect();
      await expect(connection?.send(call)).rejects.toThrow();
      await connection?.connect();
      await expect(connection?.send(call)).resolves.toBe(100);
    } finally {
      await connection?.disconnect();
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });

  it.each([
    ["resets the connection", (socket: Socket) => void socket.resetAndDestroy()],
    ["falls silent", () => {}],
  ])("does not wait for ever for a peer that %s during the login", async (_, answer) => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", () => answer(socket));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const { brokerPool } = openCluster(kafka());
    const at = { host: "127.0.0.1", port };
    repair(brokerPool, { bootstrap: [at], connectTimeoutMs: 200, isClosed: () => false });
    const connection = (await brokerPool.connectionPoolBuilder.build()).pool[0];
    const login = { request: { encode: async () => Buffer.from("user") }, response: {} };
    try {
      await connection?.connect();
      await expect(connection?.sendAuthRequest(login)).rejects.toMatchObject({
        name: "KafkaJSConnectionError",
      });
    } finally {
      await connection?.disconnect();
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});
