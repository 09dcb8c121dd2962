import type { Socket } from "node:net";
import rhea, { type Container } from "rhea";
import type { Subject } from "../faults/faults.ts";
import type { Hub } from "../namespace/hub.ts";
import { entityNotFound, type ServiceError } from "../namespace/service-error.ts";
import { ClientConnection, type Service } from "./client-connection.ts";
import { MAX_FRAME_SIZE } from "./transfer-writer.ts";

/** Sessions, by number, that a client may begin. */
const CHANNEL_MAX = 4999;

/** A SASL mechanism that lets anyone in, as nobody: tokens come later, on `$cbs`. */
function letIn(): { outcome: boolean | undefined; start(): void } {
  return {
    outcome: undefined,
    start() {
      this.outcome = true;
    },
  };
}

/** The AMQP side of the namespace. */
export class AmqpServer {
  readonly #connections = new Set<ClientConnection>();
  readonly #container: Container;
  readonly #service: Service;

  constructor(service: Service, idleTimeoutMs: number) {
    this.#service = service;
    service.faults.connect(this);
    this.#container = rhea.create_container({
      id: "event-hubs-emulator",
      reconnect: false,
      max_frame_size: MAX_FRAME_SIZE,
      channel_max: CHANNEL_MAX,
      idle_time_out: idleTimeoutMs,
      receiver_options: { credit_window: 0, autoaccept: false },
      sender_options: {},
    });
    const mechanisms = this.#container.sasl_server_mechanisms;
    mechanisms.ANONYMOUS = letIn;
    mechanisms.MSSBCBS = letIn;
    mechanisms.enable_plain((name: string, key: string) =>
      this.#service.credentials.keys.some((candidate) => candidate.name === name && candidate.key === key),
    );
    this.#container.on("error", () => {});
  }

  accept(socket: Socket): void {
    const fault = this.#service.faults.take("connect");
    if (fault?.action === "refuse") socket.destroy();
    else if (fault?.action === "delay") setTimeout(() => this.#serve(socket), fault.delayMs).unref();
    else this.#serve(socket);
  }

  #serve(socket: Socket): void {
    if (socket.destroyed) return;
    socket.setNoDelay(true);
    // Each receiver that has to wait for the socket listens for that.
    socket.setMaxListeners(0);
    const connection = this.#container.create_connection({
      reconnect: false,
      max_frame_size: MAX_FRAME_SIZE,
      channel_max: CHANNEL_MAX,
      idle_time_out: this.#container.options.idle_time_out,
      container_id: this.#container.id,
    } as never);
    const client = new ClientConnection(connection, socket, this.#service);
    this.#connections.add(client);
    socket.once("close", () => this.#connections.delete(client));
  }

  /** Ends the links to what has been deleted. */
  removed(hub: Hub, group?: string): void {
    const what = group === undefined ? hub.name : `${hub.name}/ConsumerGroups/${group}`;
    const error = entityNotFound(what);
    for (const connection of this.#connections) connection.closeLinks(error, hub, group);
  }

  /** Ends the links that a fault is about; says how many. */
  detach(selection: Subject, error: ServiceError): number {
    let count = 0;
    for (const connection of this.#connections) count += connection.detach(selection, error);
    return count;
  }

  /** Ends all connections as broken lines would; says how many. */
  disconnect(): number {
    const { size } = this.#connections;
    for (const connection of this.#connections) connection.disconnect();
    return size;
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}
