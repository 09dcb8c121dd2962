import { randomUUID } from "node:crypto";
import rhea, { type Connection, type ConnectionOptions, type EventContext } from "rhea";
import { AmqpError, ownConditions } from "./amqp-error.ts";
import { AmqpReceiver, type ReceiverOptions } from "./amqp-receiver.ts";
import { Requests } from "./amqp-requests.ts";
import { AmqpSender } from "./amqp-sender.ts";
import { HubGrants } from "./hub-grants.ts";
import type { HubInfo, PartitionInfo } from "./hub-info.ts";
import { KnownHubs } from "./known-hubs.ts";
import { destroySocket, overWebSocket } from "./socket.ts";
import type { Token, TokenSource } from "./tokens.ts";

export interface AmqpSettings {
  /** Where to connect to. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Whether AMQP travels in a WebSocket, through port 443. */
  readonly webSocket: boolean;
  /** The namespace's host, as the service knows itself. */
  readonly namespace: string;
  /** What audiences begin with: `sb://<namespace>/`. */
  readonly endpoint: string;
  readonly tokens: TokenSource;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Silence after which a connection is taken for dead. */
  readonly idleTimeoutMs: number;
}

/** A link of this connection, which ends with it. */
interface Link {
  fail(cause: AmqpError): void;
}

/**
 * One AMQP connection to a namespace, for all its hubs. It does not heal itself:
 * once it is lost every link on it has failed, and `onLost` is called.
 */
export class AmqpConnection {
  readonly id = randomUUID();
  readonly #settings: AmqpSettings;
  readonly #connection: Connection;
  readonly #onLost: (cause: AmqpError) => void;
  readonly #links = new Set<Link>();
  readonly #grants: HubGrants;
  readonly #nodes = new Map<string, Requests>();
  readonly #hubs = new KnownHubs();
  #ended = false;

  static open(
    settings: AmqpSettings,
    onLost: (cause: AmqpError) => void,
    report: (cause: unknown) => void,
  ): Promise<AmqpConnection> {
    const { host, port, tls, namespace, connectTimeoutMs, idleTimeoutMs } = settings;
    const container = rhea.create_container();
    // What rhea finds nobody listening to would end the process.
    container.on("error", () => {});
    const options = {
      host,
      port,
      hostname: namespace,
      // Event Hubs authenticates by tokens afterwards; a name alone means SASL ANONYMOUS.
      username: "waybill",
      reconnect: false,
      tcp_no_delay: true,
      // rhea gives up after twice this time of silence, and asks the peer to speak within it.
      idle_time_out: Math.floor(idleTimeoutMs / 2),
      max_frame_size: 65_536,
      properties: { product: "Waybill", platform: `Node ${process.version}` },
      ...(settings.webSocket ? { connection_details: overWebSocket(container, settings) } : {}),
      ...(tls && !settings.webSocket ? { transport: "tls", servername: namespace } : {}),
    };
    return new Promise((resolve, reject) => {
      const connection = container.connect(options as ConnectionOptions);
      let opened: AmqpConnection | undefined;
      const ended = (cause: AmqpError) => {
        clearTimeout(timer);
        if (opened !== undefined) opened.#lost(cause);
        else {
          connection.close();
          reject(cause);
        }
      };
      const timer = setTimeout(() => {
        ended(new AmqpError(ownConditions.timeout, `No connection to ${host}:${port} in time.`));
        destroySocket(connection);
      }, connectTimeoutMs);
      connection.on("connection_open", () => {
        clearTimeout(timer);
        opened = new AmqpConnection(settings, connection, onLost, report);
        resolve(opened);
      });
      const closed = ({ error }: EventContext) =>
        ended(AmqpError.from(error ?? connection.error, "amqp:connection:forced"));
      for (const event of ["connection_error", "connection_close"]) connection.on(event, closed);
      connection.on("protocol_error", (cause: unknown) => {
        ended(new AmqpError("amqp:connection:framing-error", "The peer does not speak AMQP 1.0.", cause));
        destroySocket(connection);
      });
      connection.on("disconnected", ({ error }: EventContext) =>
        ended(new AmqpError(ownConditions.disconnected, "The connection was lost.", error)),
      );
    });
  }

  private constructor(
    settings: AmqpSettings,
    connection: Connection,
    onLost: (cause: AmqpError) => void,
    report: (cause: unknown) => void,
  ) {
    this.#settings = settings;
    this.#connection = connection;
    this.#onLost = onLost;
    this.#grants = new HubGrants({ put: (hub) => this.#putToken(hub), report });
  }

  /** Rejects where the service refuses the credentials; whether `hub` exists does not matter. */
  async authenticate(hub: string): Promise<void> {
    try {
      await this.#grants.use(hub);
    } catch (cause) {
      if (!(cause instanceof AmqpError) || cause.condition !== "amqp:not-found") throw cause;
    }
  }

  sender(hub: string, address: string, onEnd: () => void): Promise<AmqpSender> {
    const name = `${address}-${randomUUID()}`;
    const { requestTimeoutMs } = this.#settings;
    return this.#link(hub, (onGone) => {
      const onGoneOrEnded = () => {
        onGone();
        onEnd();
      };
      return AmqpSender.open(this.#live(), address, name, requestTimeoutMs, onGoneOrEnded);
    });
  }

  receiver(
    hub: string,
    options: Omit<ReceiverOptions, "name" | "timeoutMs" | "onGone">,
  ): Promise<AmqpReceiver> {
    const name = `${options.address}-${randomUUID()}`;
    const { requestTimeoutMs: timeoutMs } = this.#settings;
    return this.#link(hub, (onGone) =>
      AmqpReceiver.open(this.#live(), { ...options, name, timeoutMs, onGone }),
    );
  }

  /** Rejects with `amqp:not-found` for a hub that is not there. */
  async hub(hub: string, refresh = false): Promise<HubInfo> {
    const known = this.#hubs.get(hub);
    if (known !== undefined && !refresh) return known;
    const info = await this.#read(hub, { type: "com.microsoft:eventhub" });
    const found = { partitionIds: Object.values((info.partition_ids ?? {}) as object).map(String) };
    this.#hubs.set(hub, found);
    return found;
  }

  /** What is known of a hub holds no longer: it was taken away. */
  forgetHub(hub: string): void {
    this.#hubs.forget(hub);
  }

  async partition(hub: string, partition: string): Promise<PartitionInfo> {
    const info = await this.#read(hub, { type: "com.microsoft:partition", partition });
    return {
      lastSequenceNumber: Number(info.last_enqueued_sequence_number),
      beginSequenceNumber: Number(info.begin_sequence_number),
      lastOffset: String(info.last_enqueued_offset),
      lastEnqueuedAt: new Date(info.last_enqueued_time_utc as string).getTime(),
      isEmpty: info.is_partition_empty === true,
    };
  }

  /** Closes in order and, if there is no answer soon, without one. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#end(new AmqpError(ownConditions.closed, "The connection was closed."));
    const connection = this.#connection;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 1_000);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      connection.once("connection_close", done);
      connection.once("disconnected", done);
      connection.close();
    });
    destroySocket(connection);
  }

  #lost(cause: AmqpError): void {
    if (this.#ended) return;
    this.#end(cause);
    destroySocket(this.#connection);
    this.#onLost(cause);
  }

  #end(cause: AmqpError): void {
    this.#ended = true;
    this.#grants.close();
    for (const link of [...this.#links]) link.fail(cause);
    for (const node of this.#nodes.values()) node.fail(cause);
    this.#links.clear();
  }

  /** Opens a link that needs the hub until `onGone` is called. */
  async #link<L extends Link>(hub: string, open: (onGone: () => void) => Promise<L>): Promise<L> {
    const release = await this.#grants.link(hub);
    let link: L | undefined;
    let isGone = false;
    const onGone = () => {
      isGone = true;
      release();
      if (link !== undefined) this.#links.delete(link);
    };
    try {
      link = await open(onGone);
    } catch (cause) {
      release();
      throw cause;
    }
    if (this.#ended) link.fail(new AmqpError(ownConditions.disconnected, "The connection was lost."));
    else if (!isGone) this.#links.add(link);
    return link;
  }

  async #read(hub: string, about: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
    await this.#grants.use(hub);
    const { text } = await this.#settings.tokens(this.#audience(hub));
    const properties = { operation: "READ", name: hub, ...about, security_token: text };
    const answer = await this.#node("$management").ask(
      properties,
      Buffer.from("[]"),
      this.#settings.requestTimeoutMs,
    );
    return (answer.body ?? {}) as Record<string, unknown>;
  }

  #audience(hub: string): string {
    return `${this.#settings.endpoint}${hub}`;
  }

  async #putToken(hub: string): Promise<Token> {
    const audience = this.#audience(hub);
    const token = await this.#settings.tokens(audience);
    await this.#node("$cbs").ask(
      { operation: "put-token", name: audience, type: token.type },
      token.text,
      this.#settings.requestTimeoutMs,
    );
    return token;
  }

  #live(): Connection {
    if (this.#ended) throw new AmqpError(ownConditions.disconnected, "The connection was lost.");
    return this.#connection;
  }

  #node(name: string): Requests {
    const connection = this.#live();
    let node = this.#nodes.get(name);
    if (node === undefined || node.failed) {
      node = new Requests(connection, name);
      this.#nodes.set(name, node);
    }
    return node;
  }
}
