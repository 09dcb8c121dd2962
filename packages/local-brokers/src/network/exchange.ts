import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Endpoint } from "./endpoint.ts";

export type Exchange =
  | { readonly kind: "refused"; readonly reason: string }
  /** Connected; `received` may be cut short, or empty, where the other side closed or said no more in time. */
  | { readonly kind: "connected"; readonly received: Buffer };

/** No answer that is read here is nearly as long. */
const maxBytes = 1 << 20;

/** Connects, sends one request, and reads until `isWhole` says the answer is complete, or it is too long. Never throws. */
export function exchange(
  endpoint: Endpoint,
  request: Buffer,
  isWhole: (received: Buffer) => boolean,
  timeoutMs: number,
): Promise<Exchange> {
  return new Promise((resolve) => {
    let connected = false;
    let received = Buffer.alloc(0);
    const socket = open(endpoint);
    const finish = (reason: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(connected ? { kind: "connected", received } : { kind: "refused", reason });
    };
    const timer = setTimeout(() => finish(`no connection within ${timeoutMs} ms`), timeoutMs);
    socket.on(endpoint.tls ? "secureConnect" : "connect", () => {
      connected = true;
      socket.write(request);
    });
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (isWhole(received) || received.length > maxBytes) finish("");
    });
    socket.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    socket.on("close", () => finish("closed"));
  });
}

function open({ host, port, tls }: Endpoint): Socket {
  // The question is only who listens there; no secret is sent, so an unknown certificate does no harm.
  return tls ? connectTls({ host, port, rejectUnauthorized: false }) : connectTcp({ host, port });
}
