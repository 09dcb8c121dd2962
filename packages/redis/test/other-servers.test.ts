import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { redis } from "../src/index.ts";

let server: Server | undefined;
const sockets = new Set<Socket>();

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server?.close();
});

/** Connects to a server that answers everything so; resolves with how it failed and after how many milliseconds. */
async function connectingTo(answer: string | undefined) {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    if (answer !== undefined) socket.on("data", () => socket.end(answer));
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const hooks = { lost: () => {}, report: () => {} };
  const startedAt = performance.now();
  const call = { signal: AbortSignal.timeout(300) };
  const error: unknown = await redis({ host: "127.0.0.1", port, acceptVolatile: true })
    .connect(hooks, call)
    .catch((cause: unknown) => cause);
  return { error, tookMs: performance.now() - startedAt };
}

it("a server that never answers is waited for no longer than the call", async () => {
  const { error, tookMs } = await connectingTo(undefined);
  expect(error).toMatchObject({ code: "UNREACHABLE" });
  expect(tookMs).toBeLessThan(1_500);
});

it.each([
  ["RabbitMQ", "AMQP\u0000\u0000\u0009\u0001"],
  ["HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n"],
])("%s, which speaks another protocol, is told as that", async (_name, answer) => {
  const { error } = await connectingTo(answer);
  expect(error).toMatchObject({ code: "UNREACHABLE" });
  expect((error as Error).message).toContain("does not answer as Redis does");
});
