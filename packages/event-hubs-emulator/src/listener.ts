import { createServer, type Server, type Socket } from "node:net";

/** A protocol on the shared port. */
interface Protocol {
  accept(socket: Socket): void;
}

/** How long a connection may say nothing at all. */
const SILENCE_MS = 30_000;

/** One port for both protocols: a connection whose first bytes are `AMQP` speaks that, any other HTTP. */
export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(amqp: Protocol, http: Protocol) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.once("close", () => this.#sockets.delete(socket));
      peek(socket, (isAmqp) => (isAmqp ? amqp : http).accept(socket));
    });
  }

  /** Resolves with the port, which the system chooses when 0 is asked for. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        resolve((this.#server.address() as { port: number }).port);
      });
    });
  }

  /** Takes no more connections, and ends those there are after `graceMs`. */
  close(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#destroyAll(), graceMs);
      this.#server.close(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Looks at the first four bytes and puts them back. */
function peek(socket: Socket, decided: (isAmqp: boolean) => void): void {
  socket.setTimeout(SILENCE_MS, () => socket.destroy());
  const look = (): void => {
    const bytes = socket.read() as Buffer | null;
    if (bytes === null) return;
    socket.unshift(bytes);
    const start = bytes.subarray(0, 4).toString("latin1");
    if (bytes.length < 4 && "AMQP".startsWith(start)) return;
    socket.off("readable", look);
    socket.setTimeout(0);
    socket.removeAllListeners("timeout");
    decided(start === "AMQP");
  };
  socket.on("readable", look);
}
