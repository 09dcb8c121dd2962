import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Endpoint } from "../target.ts";
import { type Conditions, healthy } from "./conditions.ts";
import { Link } from "./link.ts";

/** Opens a proxy in front of `to`, on a free port of this computer. */
export async function openProxy(to: Endpoint): Promise<FaultProxy> {
  const proxy = new FaultProxy(to);
  await proxy.heal();
  return proxy;
}

/**
 * A TCP proxy in front of a broker that makes a network misbehave: nothing of it
 * is simulated above the socket, so a client meets what it would meet outside.
 *
 * A connection that has lost bytes never carries any again, not even after
 * `heal`: TCP has no holes. It stays open and silent until its client gives up
 * on it; new connections are healthy.
 */
export class FaultProxy implements AsyncDisposable {
  readonly #broker: Endpoint;
  readonly #links = new Set<Link>();
  #server: Server;
  #listening: Promise<void> | undefined;
  #port = 0;
  #conditions: Conditions = healthy;
  #accepted = 0;

  constructor(broker: Endpoint) {
    this.#broker = broker;
    this.#server = this.#newServer();
  }

  /** Where drivers connect to: `target.driver(proxy.endpoint)`. */
  get endpoint(): Endpoint {
    return { host: "127.0.0.1", port: this.#port };
  }

  /** Connections open now, on either side. */
  get connections(): number {
    return this.#links.size;
  }

  /** Connections ever taken. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Cuts every connection with a TCP reset. New ones are taken again at once. */
  reset(): void {
    for (const link of [...this.#links]) link.reset();
  }

  /** Resets every connection and refuses new ones, as if nobody listened, until `heal`. */
  refuse(): void {
    if (this.#listening !== undefined) {
      this.#listening = undefined;
      this.#server.close();
      this.#server = this.#newServer();
    }
    this.reset();
  }

  /** From now on every byte vanishes, both ways, while all sockets stay open; new ones open and stay silent. */
  halfOpen(): void {
    this.#apply({ ...this.#conditions, lost: "everything" });
  }

  /** What the broker sends vanishes; what clients send still reaches it. */
  dropReplies(): void {
    this.#apply({ ...this.#conditions, lost: "replies" });
  }

  /** Adds to every round trip, in milliseconds. */
  latency(ms: number): void {
    this.#apply({ ...this.#conditions, latencyMs: ms });
  }

  /** Limits each direction of each connection. */
  bandwidth(bytesPerSecond: number): void {
    this.#apply({ ...this.#conditions, bytesPerSecond });
  }

  /** Ends every fault that is in force. Resolves when connections are taken, on the same port as before. */
  heal(): Promise<void> {
    this.#apply(healthy);
    this.#listening ??= this.#listen();
    return this.#listening;
  }

  async close(): Promise<void> {
    this.#listening = undefined;
    this.#server.close();
    for (const link of [...this.#links]) link.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #apply(conditions: Conditions): void {
    this.#conditions = conditions;
    for (const link of this.#links) link.conditions = conditions;
  }

  #newServer(): Server {
    return createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #accept(client: Socket): void {
    this.#accepted++;
    const link = new Link(client, this.#broker, this.#conditions, () => this.#links.delete(link));
    this.#links.add(link);
  }
}
