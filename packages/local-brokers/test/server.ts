import { once } from "node:events";
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { Endpoint } from "../src/network/endpoint.ts";

/** A real TCP server on a free port of this computer, closed at the end of the test. */
export async function serve(onConnection: (socket: Socket) => void): Promise<Endpoint> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

/** A server that answers every first request with these bytes. */
export function answering(reply: Buffer | string): Promise<Endpoint> {
  return serve((socket) => socket.once("data", () => socket.write(reply)));
}

/** A gRPC server that ends every call as `answer` says, by the path of the method. */
export async function grpcServer(
  answer: (path: string) => { status: number; message?: string },
): Promise<Endpoint> {
  const server = createHttp2Server();
  server.on("stream", (stream, headers) => {
    const { status, message = "" } = answer(String(headers[":path"]));
    const contentType = { ":status": 200, "content-type": "application/grpc" };
    stream.respond(
      { ...contentType, "grpc-status": String(status), "grpc-message": message },
      { endStream: true },
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}
