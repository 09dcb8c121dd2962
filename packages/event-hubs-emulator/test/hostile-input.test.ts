import { connect as connectSocket, type Socket } from "node:net";
import rhea from "rhea";
import { expect, onTestFinished, test } from "vitest";
import type { Emulator } from "../src/index.ts";
import { connect, emulator, event, producer } from "./workbench.ts";

const AMQP = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0]);

async function server(): Promise<Emulator> {
  return emulator({ hubs: [{ name: "orders", partitionCount: 1 }], maxMessageSize: 100_000 });
}

async function stillWorks({ connectionString }: Emulator): Promise<void> {
  await producer(connectionString("orders")).sendBatch([event("x")]);
}

/** Sends bytes; resolves when the server ends the connection. */
async function send(port: number, ...bytes: Uint8Array[]): Promise<void> {
  const socket: Socket = connectSocket(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.resume();
  for (const part of bytes) socket.write(part);
  await new Promise((resolve) => socket.once("close", resolve));
}

/** A frame on channel 0 with anything as its body. */
function frame(body: Uint8Array, channel = 0): Buffer {
  const bytes = Buffer.alloc(8 + body.length);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt16BE(0x0200, 4);
  bytes.writeUInt16BE(channel, 6);
  bytes.set(body, 8);
  return bytes;
}

const OPEN = frame(Buffer.from([0x00, 0x53, 0x10, 0xc0, 4, 1, 0xa1, 1, 0x78]));
const BEGIN = frame(Buffer.from([0x00, 0x53, 0x11, 0xc0, 7, 4, 0x40, 0x43, 0x52, 10, 0x52, 10]));

test("bytes that are no protocol end their connection and nothing else", async () => {
  const target = await server();
  const cases: Uint8Array[][] = [
    [Buffer.from("garbage that is neither\r\n\r\n")],
    [Buffer.from([0x41, 0x4d, 0x51, 0x50, 9, 9, 9, 9])],
    [AMQP, Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0])],
    [AMQP, Buffer.from([0x7f, 0xff, 0xff, 0xff, 2, 0, 0, 0, 1])],
    [AMQP, OPEN, frame(Buffer.from([0xff, 0xff, 0xff]))],
    [AMQP, OPEN, frame(Buffer.from([0x00, 0x53, 0x99, 0xc0, 1, 0]))],
    [AMQP, OPEN, frame(Buffer.from([0x00, 0x53, 0x14, 0xc0, 3, 1, 0x52, 5]), 7)],
    [AMQP, OPEN, BEGIN, frame(Buffer.from([0x00, 0x53, 0x14, 0xc0, 3, 1, 0x52, 5]))],
    [AMQP, OPEN, OPEN],
  ];
  await Promise.all(cases.map((bytes) => send(target.port, ...bytes)));
  await stillWorks(target);
});

test("small frames that ask for much memory or time get neither", async () => {
  const target = await server();
  const nulls = Buffer.from([0x00, 0x53, 0x10, 0xf0, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff, 0x40]);
  const disposition = Buffer.from([
    0x00, 0x53, 0x15, 0xc0, 11, 3, 0x41, 0x43, 0x70, 0xff, 0xff, 0xff, 0xff, 0x41,
  ]);
  const nested = Buffer.alloc(60_000);
  const before = performance.now();
  await Promise.all([
    send(target.port, AMQP, frame(nulls)),
    send(target.port, AMQP, OPEN, BEGIN, frame(disposition)),
    send(target.port, AMQP, OPEN, frame(nested)),
  ]);
  await stillWorks(target);
  expect(performance.now() - before).toBeLessThan(5_000);
});

test("a message that makes no sense, or is far too long, is rejected", async () => {
  const target = await server();
  const connection = connect(target);
  const sender = connection.open_sender("orders");
  await new Promise((resolve) => sender.once("sendable", resolve));
  const outcome = (bytes: Buffer, format: number): Promise<unknown> =>
    new Promise((resolve) => {
      sender.once("rejected", ({ delivery }) =>
        resolve((delivery?.remote_state as { error?: { condition?: string } })?.error?.condition),
      );
      sender.send(bytes as never, undefined, format);
    });
  const batch = (inner: Buffer): Buffer =>
    rhea.message.encode({ body: rhea.message.data_section(inner as never) }) as unknown as Buffer;
  for (const bytes of [
    Buffer.from("?"),
    Buffer.from([0x00, 0x53, 0x72, 0xd1, 0xff, 0xff, 0xff, 0xff]),
    batch(Buffer.from([1, 2])),
  ]) {
    expect(await outcome(bytes, 0x80013700)).toBe("amqp:decode-error");
  }
  expect(await outcome(Buffer.from([0x00, 0x53, 0x75, 0xb0, 0xff, 0xff, 0xff, 0xff]), 0x80013700)).toBe(
    "amqp:decode-error",
  );
  expect(await outcome(batch(Buffer.from([0x00, 0x53, 0x77, 0x40])), 12345)).toBe("amqp:decode-error");
  expect(await outcome(Buffer.alloc(30_000_000), 0x80013700)).toBe("amqp:link:message-size-exceeded");
  await stillWorks(target);
});
