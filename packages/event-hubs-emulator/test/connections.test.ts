import { connect as connectSocket, type Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import rhea, { type EventContext } from "rhea";
import { expect, onTestFinished, test } from "vitest";
import { connect, emulator, event, producer } from "./workbench.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes in buffers that somebody still needs. */
function memoryHeld(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}

test("both sides hear from each other in silence, and one that is heard of no more is cut off", async () => {
  const server = await emulator({ hubs: [{ name: "orders" }], idleTimeoutMs: 1_000 });
  const container = rhea.create_container();
  let lost = 0;
  container.on("disconnected", () => lost++);
  const connection = container.connect({
    port: server.port,
    host: "127.0.0.1",
    idle_time_out: 1_000,
    reconnect: false,
  });
  onTestFinished(() => connection.close());

  const silent = connectSocket(server.port, "127.0.0.1");
  onTestFinished(() => void silent.destroy());
  const open = Buffer.from([0, 0, 0, 17, 2, 0, 0, 0, 0x00, 0x53, 0x10, 0xc0, 4, 1, 0xa1, 1, 0x78]);
  silent.write(Buffer.concat([Buffer.from("AMQP\0\x01\0\0", "latin1"), open]));
  silent.resume();
  await new Promise((resolve) => silent.once("close", resolve));
  expect(lost).toBe(0);
  expect(connection.is_open()).toBe(true);
});

test("closing says goodbye to clients, and lets go of the port", async () => {
  const server = await emulator({ hubs: [{ name: "orders" }] });
  const container = rhea.create_container();
  container.on("disconnected", () => {});
  const connection = container.connect({ port: server.port, host: "127.0.0.1", reconnect: false });
  await new Promise((resolve) => connection.once("connection_open", resolve));
  const goodbye = new Promise<string | undefined>((resolve) =>
    connection.once("connection_close", () =>
      resolve((connection.error as { condition?: string } | undefined)?.condition),
    ),
  );
  await server.close();
  expect(await goodbye).toBe("amqp:connection:forced");
  const next = await emulator({ hubs: [{ name: "orders" }], port: server.port });
  await producer(next.connectionString("orders")).sendBatch([event("x")]);
});

test("a reader that takes nothing from its socket does not make the server hold it all", async () => {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 1 }], memory: 100_000_000 });
  const client = producer(server.connectionString("orders"));
  for (let count = 0; count < 40; count++) await client.sendBatch([{ body: Buffer.alloc(1_000_000) }]);
  const [key] = server.keys;
  const container = rhea.create_container();
  container.on("disconnected", () => {});
  const connection = container.connect({
    port: server.port,
    host: "127.0.0.1",
    username: key?.name ?? "",
    password: key?.key ?? "",
    reconnect: false,
  });
  onTestFinished(() => connection.close());
  const receiver = connection.open_receiver({
    source: { address: "orders/ConsumerGroups/$Default/Partitions/0" },
    credit_window: 0,
  });
  let got = 0;
  receiver.on("message", () => got++);
  await new Promise((resolve) => receiver.once("receiver_open", resolve));
  const { socket } = connection as unknown as { socket: Socket };
  const before = memoryHeld();
  receiver.add_credit(1_000);
  await new Promise((resolve) => setImmediate(resolve));
  socket.pause();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(memoryHeld() - before).toBeLessThan(20_000_000);
  expect(got).toBeLessThan(40);
  socket.resume();
  await expect.poll(() => got, { timeout: 10_000 }).toBe(40);
});

test("frames come with all their fields, which clients for Python count on", async () => {
  const server = await emulator();
  const socket = connectSocket(server.port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  const open = Buffer.from([0, 0, 0, 17, 2, 0, 0, 0, 0x00, 0x53, 0x10, 0xc0, 4, 1, 0xa1, 1, 0x78]);
  socket.write(Buffer.concat([Buffer.from("AMQP\0\x01\0\0", "latin1"), open]));
  const answer = await new Promise<Buffer>((resolve) => {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      if (bytes.length > 30) resolve(bytes);
    });
  });
  // After the protocol header and the frame's: the descriptor of open, a long list, its size, its count.
  expect([...answer.subarray(16, 20), answer.readUInt32BE(24)]).toEqual([0x00, 0x53, 0x10, 0xd0, 10]);
});

test("answers to requests that name no link go to the one beside them", async () => {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 3 }] });
  const connection = connect(server);
  const answered: string[] = [];
  for (const node of ["$cbs", "$management"]) {
    const answers = connection.open_receiver({ source: { address: node } });
    answers.on("message", ({ message }: EventContext) =>
      answered.push(
        `${node} ${message?.application_properties?.["status-code"]} ${message?.body?.partition_count}`,
      ),
    );
  }
  const requests = connection.open_sender("$management");
  await new Promise((resolve) => requests.once("sendable", resolve));
  const read = { operation: "READ", name: "orders", type: "com.microsoft:eventhub" };
  requests.send({ message_id: "1", application_properties: read, body: "" });
  requests.send({ message_id: "2", application_properties: { ...read, name: "offers" }, body: "" });
  await expect
    .poll(() => answered, { timeout: 10_000 })
    .toEqual(["$management 200 3", "$management 404 undefined"]);
});
