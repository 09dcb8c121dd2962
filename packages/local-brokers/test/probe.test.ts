import { describe, expect, it } from "vitest";
import { brokerNames } from "../src/names.ts";
import { findFreePort } from "../src/network/free-port.ts";
import { recipes } from "../src/registry.ts";
import { answering, grpcServer, serve } from "./server.ts";

const quickly = 200;

describe.each(brokerNames)("probing for %s", (name) => {
  const { probe } = recipes[name];

  it("finds nobody on a free port", async () => {
    const found = await probe({ host: "127.0.0.1", port: await findFreePort() }, quickly);
    expect(found).toEqual({ kind: "absent", reason: "ECONNREFUSED" });
  });

  it.each([
    ["says nothing", ""],
    ["speaks HTTP", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"],
    ["sends four zero bytes", Buffer.alloc(4)],
    ["sends random bytes", Buffer.from("9f1c03ffee0100000000deadbeef", "hex")],
    ["sends an empty AMQP frame", Buffer.from("01000000000000ce", "hex")],
  ])("takes a server that %s for a stranger", async (_, reply) => {
    expect(await probe(await answering(reply), quickly)).toMatchObject({ kind: "other" });
  });

  it("finds nobody at an IPv6 address", async () => {
    const found = await probe({ host: "::1", port: await findFreePort() }, quickly);
    expect(found).toMatchObject({ kind: "absent" });
  });

  it("takes a server that sends without end for a stranger, long before the time is over", async () => {
    const chunk = Buffer.alloc(65_536, 0x41);
    const flood = await serve((socket) => {
      const send = () => {
        while (socket.writable && socket.write(chunk));
      };
      socket.on("drain", send);
      send();
    });
    const started = performance.now();
    expect(await probe(flood, 10_000)).toMatchObject({ kind: "other" });
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it("takes a server that hangs up for a stranger", async () => {
    expect(await probe(await serve((socket) => socket.destroy()), quickly)).toMatchObject({
      kind: "other",
    });
  });
});

describe("probing a server that speaks", () => {
  it("recognises Redis and its version", async () => {
    const body = "# Server\r\nredis_version:8.0.2\r\n# Persistence\r\nloading:0\r\n";
    const endpoint = await answering(`$${body.length}\r\n${body}\r\n`);
    expect(await recipes.redis.probe(endpoint, quickly)).toEqual({
      kind: "speaks",
      version: "8.0.2",
      ready: true,
    });
  });

  it("reads an answer that comes in pieces", async () => {
    const body = "redis_version:8.0.2\r\nloading:0\r\n";
    const endpoint = await serve((socket) => {
      socket.setNoDelay(true);
      const pieces = [`$${body.length}`, "\r\n", body.slice(0, 20), body.slice(20), "\r\n"];
      const timer = setInterval(() => socket.write(pieces.shift() ?? ""), 10);
      socket.once("close", () => clearInterval(timer));
    });
    expect(await recipes.redis.probe(endpoint, 1000)).toMatchObject({ kind: "speaks", version: "8.0.2" });
  });

  it("recognises a Redis that wants a password", async () => {
    const endpoint = await answering("-NOAUTH Authentication required.\r\n");
    expect(await recipes.redis.probe(endpoint, quickly)).toEqual({
      kind: "speaks",
      version: null,
      ready: true,
    });
  });

  it("tells a Redis that still loads its data from one that is ready", async () => {
    const endpoint = await answering("-LOADING Redis is loading the dataset in memory\r\n");
    expect(await recipes.redis.probe(endpoint, quickly)).toMatchObject({ kind: "speaks", ready: false });
  });

  it("recognises RabbitMQ and its version", async () => {
    const method = Buffer.concat([
      Buffer.from("000a000a0009", "hex"), // connection.start, protocol 0-9
      table("product", "RabbitMQ", "version", "4.0.5"),
    ]);
    const frame = Buffer.concat([
      Buffer.from("010000", "hex"),
      uint32(method.length),
      method,
      Buffer.from([0xce]),
    ]);
    const found = await recipes.rabbitmq.probe(await answering(frame), quickly);
    expect(found).toEqual({ kind: "speaks", version: "4.0.5", ready: true });
  });

  it("recognises a RabbitMQ whose version is cut off", async () => {
    const method = Buffer.concat([
      Buffer.from("000a000a0009", "hex"),
      Buffer.from("\x07versionS\0\0", "latin1"),
    ]);
    const frame = Buffer.concat([
      Buffer.from("010000", "hex"),
      uint32(method.length),
      method,
      Buffer.from([0xce]),
    ]);
    const found = await recipes.rabbitmq.probe(await answering(frame), quickly);
    expect(found).toEqual({ kind: "speaks", version: null, ready: true });
  });

  it("takes an AMQP 1.0 server for a stranger: RabbitMQ's adapter speaks 0.9.1", async () => {
    const endpoint = await answering(Buffer.from("AMQP\x00\x01\x00\x00", "latin1"));
    expect(await recipes.rabbitmq.probe(endpoint, quickly)).toMatchObject({ kind: "other" });
  });

  it("recognises Kafka, and its release by the features it supports", async () => {
    expect(await probeKafkaAnswering(30)).toEqual({ kind: "speaks", version: "4.3", ready: true });
    expect(await probeKafkaAnswering(25)).toMatchObject({ version: "4.0" });
  });

  it("claims no release it does not know", async () => {
    expect(await probeKafkaAnswering(99)).toMatchObject({ kind: "speaks", version: null });
  });

  it("recognises a Kafka too old for the question", async () => {
    const unsupportedVersion = Buffer.from("000023", "hex");
    expect(await probeKafka(unsupportedVersion)).toEqual({ kind: "speaks", version: null, ready: true });
  });
});

describe("probing the emulator of a cloud service", () => {
  const http = (body: string, status = "200 OK") =>
    answering(`HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);

  it.each([
    ["with queues", '{"QueueUrls":["http://127.0.0.1/0/orders"]}', "200 OK"],
    ["without queues", "{}", "200 OK"],
    ["that knows no such user", '{"__type":"InvalidClientTokenId"}', "403 Forbidden"],
  ])("recognises SQS %s", async (_, body, status) => {
    const found = await recipes["sns-sqs"].probe(await http(body, status), quickly);
    expect(found).toEqual({ kind: "speaks", version: null, ready: true });
  });

  it.each(["[]", "null", '{"status":"ok"}', "<html>"])(
    "takes an HTTP server that says %s for a stranger",
    async (body) => {
      expect(await recipes["sns-sqs"].probe(await http(body), quickly)).toMatchObject({ kind: "other" });
    },
  );

  it.each([
    ["Method not found: waybill.Probe/WhoAreYou", "emulator"],
    ["unknown service waybill.Probe", "pstest"],
    ["no", null],
  ])("recognises Pub/Sub, and by `%s` which one it is", async (message, version) => {
    const endpoint = await grpcServer((path) =>
      path.endsWith("/ListTopics") ? { status: 0 } : { status: 12, message },
    );
    const found = await recipes["google-pubsub"].probe(endpoint, 1000);
    expect(found).toEqual({ kind: "speaks", version, ready: true });
  });

  it("takes another gRPC server for a stranger", async () => {
    const endpoint = await grpcServer(() => ({ status: 12, message: "unknown service" }));
    expect(await recipes["google-pubsub"].probe(endpoint, 1000)).toMatchObject({ kind: "other" });
  });

  const saslOffer = (...mechanisms: string[]) => {
    const frame = Buffer.from(`\0\0\0\0\x02\x01\0\0${mechanisms.join(" ")}`, "latin1");
    frame.writeUInt32BE(frame.length);
    return answering(Buffer.concat([Buffer.from("AMQP\x03\x01\0\0", "latin1"), frame]));
  };

  it("recognises Event Hubs by how it lets clients log in", async () => {
    const found = await recipes["event-hubs"].probe(await saslOffer("MSSBCBS", "ANONYMOUS"), quickly);
    expect(found).toEqual({ kind: "speaks", version: null, ready: true });
  });

  it("takes another AMQP 1.0 server for a stranger", async () => {
    const found = await recipes["event-hubs"].probe(await saslOffer("PLAIN", "ANONYMOUS"), quickly);
    expect(found).toMatchObject({ kind: "other" });
  });
});

/** An answer with one request's versions and one feature. */
function probeKafkaAnswering(metadataVersion: number) {
  const feature = Buffer.concat([
    Buffer.from([2, "metadata.version".length + 1]),
    Buffer.from("metadata.version"),
    Buffer.from([0, 7, 0, metadataVersion, 0]),
  ]);
  const noError = [0, 0];
  const versions = [2, 0, 18, 0, 0, 0, 4, 0];
  const throttleMs = [0, 0, 0, 0];
  return probeKafka(
    Buffer.concat([Buffer.from([...noError, ...versions, ...throttleMs, 1, 0, feature.length]), feature]),
  );
}

/** Sends the body back with the length and the correlation id of the request. */
async function probeKafka(body: Buffer) {
  const endpoint = await serve((socket) =>
    socket.once("data", (request) => {
      const correlationId = request.subarray(8, 12);
      socket.write(Buffer.concat([uint32(4 + body.length), correlationId, body]));
    }),
  );
  return recipes.kafka.probe(endpoint, quickly);
}

function table(...words: string[]): Buffer {
  const parts = words.map((word, index) =>
    index % 2 === 0
      ? Buffer.concat([Buffer.from([word.length]), Buffer.from(word)])
      : Buffer.concat([Buffer.from("S"), uint32(word.length), Buffer.from(word)]),
  );
  const content = Buffer.concat(parts);
  return Buffer.concat([uint32(content.length), content]);
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
}
