import { connect, type Socket } from "node:net";
import type { Endpoint } from "../target.ts";
import type { Conditions } from "./conditions.ts";
import { FaultStream, type StreamConditions } from "./stream.ts";

/** One connection through the proxy: the client's socket, ours to the broker, and what lies between. */
export class Link {
  readonly #client: Socket;
  readonly #broker: Socket;
  readonly #requests: FaultStream;
  readonly #replies: FaultStream;
  readonly #onGone: () => void;
  /** Once everything vanished, so does the news that one end has gone. */
  #silent = false;
  #openSockets = 2;

  constructor(client: Socket, broker: Endpoint, conditions: Conditions, onGone: () => void) {
    this.#client = client;
    this.#broker = connect({ host: broker.host, port: broker.port, allowHalfOpen: true, noDelay: true });
    this.#onGone = onGone;
    this.#requests = new FaultStream(client, this.#broker, requestsUnder(conditions));
    this.#replies = new FaultStream(this.#broker, client, repliesUnder(conditions));
    this.conditions = conditions;
    this.#watch(client, this.#broker, this.#requests);
    this.#watch(this.#broker, client, this.#replies);
  }

  set conditions(conditions: Conditions) {
    if (conditions.lost === "everything") this.#silent = true;
    this.#requests.conditions = requestsUnder(conditions);
    this.#replies.conditions = repliesUnder(conditions);
  }

  /** Both ends see `ECONNRESET`. */
  reset(): void {
    resetSocket(this.#client);
    resetSocket(this.#broker);
  }

  destroy(): void {
    this.#client.destroy();
    this.#broker.destroy();
  }

  #watch(socket: Socket, other: Socket, outgoing: FaultStream): void {
    let failed = false;
    socket.on("error", () => {
      failed = true;
    });
    socket.on("end", () => {
      if (this.#silent) return;
      // A clean end after lost bytes would pass for a complete stream.
      if (outgoing.broken) this.reset();
      else outgoing.end();
    });
    socket.on("close", () => {
      if (!this.#silent && failed) resetSocket(other);
      else if (!this.#silent && !socket.readableEnded) other.destroy();
      this.#openSockets--;
      if (this.#openSockets > 0) return;
      this.#requests.stop();
      this.#replies.stop();
      this.#onGone();
    });
  }
}

function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

function requestsUnder({ latencyMs, bytesPerSecond, lost }: Conditions): StreamConditions {
  return { delayMs: latencyMs / 2, bytesPerSecond, lost: lost === "everything" };
}

function repliesUnder({ latencyMs, bytesPerSecond, lost }: Conditions): StreamConditions {
  return { delayMs: latencyMs / 2, bytesPerSecond, lost: lost !== "nothing" };
}
