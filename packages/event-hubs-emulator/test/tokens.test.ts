import { earliestEventPosition } from "@azure/event-hubs";
import rhea, { type Connection, type EventContext, type Receiver } from "rhea";
import { expect, onTestFinished, test } from "vitest";
import type { AccessKey, Emulator } from "../src/index.ts";
import { call, connect, emulator, event, producer, receive, sasToken } from "./workbench.ts";

const ROOT: AccessKey = { name: "root", key: "c2VjcmV0" };
const LISTENER: AccessKey = { name: "listener", key: "bGlzdGVu", claims: ["Listen"] };
const SENDER: AccessKey = { name: "sender", key: "c2VuZA==", claims: ["Send"] };

async function guarded(): Promise<Emulator> {
  return emulator({ hubs: [{ name: "orders", partitionCount: 1 }], keys: [ROOT, LISTENER, SENDER] });
}

function as(server: Emulator, { name, key }: AccessKey): string {
  return `Endpoint=sb://127.0.0.1:${server.port};SharedAccessKeyName=${name};SharedAccessKey=${key};UseDevelopmentEmulator=true;EntityPath=orders`;
}

/** Puts tokens by hand on a connection that has no rights of its own. */
async function anonymous(
  server: Emulator,
): Promise<{ connection: Connection; put(token: string, type?: string): Promise<number> }> {
  const container = rhea.create_container();
  container.on("error", () => {});
  container.on("disconnected", () => {});
  // Says a key's name at the door, which by itself is worth nothing.
  const mechanism = {
    start: (answer: (error: undefined, response: Buffer) => void) =>
      answer(undefined, Buffer.from(ROOT.name)),
  };
  const options = { sasl_mechanisms: { ANONYMOUS: () => mechanism }, reconnect: false };
  const connection = container.connect({ port: server.port, host: "127.0.0.1", ...options });
  onTestFinished(() => connection.close());
  const sender = connection.open_sender("$cbs");
  const answers = connection.open_receiver({ source: { address: "$cbs" }, name: "answers" });
  await new Promise((resolve) => sender.once("sendable", resolve));
  const put = (token: string, type = "servicebus.windows.net:sastoken"): Promise<number> =>
    new Promise((resolve) => {
      answers.once("message", ({ message }: EventContext) =>
        resolve(message?.application_properties?.["status-code"]),
      );
      sender.send({
        message_id: "1",
        reply_to: "answers",
        application_properties: {
          operation: "put-token",
          name: `sb://127.0.0.1:${server.port}/orders`,
          type,
        },
        body: token,
      });
    });
  return { connection, put };
}

function openReader(connection: Connection): { receiver: Receiver; ended: Promise<string | undefined> } {
  const receiver = connection.open_receiver({
    source: { address: "orders/ConsumerGroups/$Default/Partitions/0" },
  });
  const ended = new Promise<string | undefined>((resolve) =>
    receiver.once("receiver_error", () =>
      resolve((receiver.error as { condition?: string } | undefined)?.condition),
    ),
  );
  return { receiver, ended };
}

test("a wrong key, and a key that is not known, are refused", async () => {
  const server = await guarded();
  for (const key of [
    { ...ROOT, key: "d3Jvbmc=" },
    { ...ROOT, name: "unknown" },
  ]) {
    const error = await producer(as(server, key))
      .sendBatch([event("x")])
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: "UnauthorizedError",
      message: expect.stringContaining("InvalidSignature"),
    });
  }
});

test("a key does what its claims say, and no more", async () => {
  const server = await guarded();
  await producer(as(server, SENDER)).sendBatch([event("x")]);
  await receive(as(server, LISTENER), "0", earliestEventPosition).count(1);
  await expect(producer(as(server, LISTENER)).sendBatch([event("x")])).rejects.toMatchObject({
    code: "UnauthorizedError",
  });
  expect(await receive(as(server, SENDER), "0", earliestEventPosition).error).toMatchObject({
    code: "UnauthorizedError",
  });
});

test("tokens that have expired, are for another hub or are no tokens get a 401", async () => {
  const server = await guarded();
  const { put } = await anonymous(server);
  const uri = `sb://127.0.0.1:${server.port}`;
  expect(await put(sasToken(`${uri}/orders`, ROOT, -5))).toBe(401);
  expect(await put(sasToken(`${uri}/offers`, ROOT))).toBe(401);
  expect(await put("SharedAccessSignature sr=%&sig=%E0%A4%A&se=1&skn=%")).toBe(401);
  expect(await put("")).toBe(401);
  expect(await put(sasToken(uri, ROOT))).toBe(202);
});

test("a link ends when its token does, unless another has taken its place", async () => {
  const server = await guarded();
  const uri = `sb://127.0.0.1:${server.port}/orders`;
  const lapsing = await anonymous(server);
  await lapsing.put(sasToken(uri, LISTENER, 4));
  const renewing = await anonymous(server);
  await renewing.put(sasToken(uri, LISTENER, 4));
  const lapsed = openReader(lapsing.connection);
  const renewed = openReader(renewing.connection);
  await renewing.put(sasToken(uri, LISTENER, 600));
  expect(await lapsed.ended).toBe("amqp:unauthorized-access");
  expect(renewed.receiver.is_open()).toBe(true);
});

test("without a token nothing opens, whatever name is given; name and key at the door stand for all tokens", async () => {
  const server = await guarded();
  const { connection } = await anonymous(server);
  expect(await openReader(connection).ended).toBe("amqp:unauthorized-access");
  const known = openReader(connect(server, LISTENER));
  await new Promise((resolve) => known.receiver.once("receiver_open", resolve));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(known.receiver.is_open()).toBe(true);
});

test("bearer tokens that the emulator was told of are taken, on AMQP and HTTP, for what they claim", async () => {
  const server = await emulator({
    hubs: [{ name: "orders", partitionCount: 1 }],
    bearerTokens: [
      { token: "listen-only", claims: ["Listen"] },
      { token: "all" },
      { token: "stale", expires: Date.now() - 1 },
    ],
  });
  const { connection, put } = await anonymous(server);
  for (const unknown of ["other", "stale", ""]) expect(await put(unknown, "jwt")).toBe(401);
  expect(await put("all", "saml")).toBe(401);
  expect(await put("listen-only", "jwt")).toBe(202);
  await new Promise((resolve) => openReader(connection).receiver.once("receiver_open", resolve));
  const { status } = await call(server, "PUT", "/new", { authorization: "Bearer listen-only" });
  expect([status, (await call(server, "PUT", "/new", { authorization: "Bearer all" })).status]).toEqual([
    401, 201,
  ]);
});
