import { randomUUID } from "node:crypto";
import rhea, { type Connection, type ConnectionOptions, type EventContext } from "rhea";
import { AmqpError, ownConditions } from "./amqp-error.ts";
import { AmqpReceiver, type ReceiverOptions } from "./amqp-receiver.ts";
import { Requests } from "./amqp-requests.ts";
import { AmqpSender } from "./amqp-sender.ts";
import type { HubInfo, PartitionInfo } from "./hub-info.ts";
import { destroySocket, overWebSocket } from "./socket.ts";
import type { TokenSource } from "./tokens.ts";

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

/** Tokens are renewed this long before they end; a failed renewal is tried again that often. */
const renewBeforeMs = 600_000;
const renewAgainMs = 30_000;
/** No timer beyond what Node can hold. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * One AMQP connection to a namespace, for all its hubs. It does not heal itself:
 * once it is lost every link on it has failed, and `onLost` is called.
 */
export class AmqpConnection {
  readonly id = randomUUID();
  readonly #settings: AmqpSettings;
  readonly #connection: Connection;
  readonly #onLost: (cause: AmqpError) => void;
  readonly #report: (cause: unknown) => void;
  readonly #links = new Set<{ fail(cause: AmqpError): void }>();
  readonly #granted = new Map<string, Promise<void>>();
  readonly #renewals = new Map<string, NodeJS.Timeout>();
  readonly #nodes = new Map<string, Requests>();
  readonly #hubs = new Map<string, HubInfo>();
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
    this.#report = report;
  }

  /** Rejects where the service refuses the credentials; whether `hub` exists does not matter. */
  async authenticate(hub: string): Promise<void> {
    try {
      await this.#authorise(hub);
    } catch (cause) {
      if (!(cause instanceof AmqpError) || cause.condition !== "amqp:not-found") throw cause;
    }
  }

  async sender(hub: string, address: string, onEnd: () => void): Promise<AmqpSender> {
    await this.#authorise(hub);
    const name = `${address}-${randomUUID()}`;
    let sender: AmqpSender | undefined;
    const onGone = () => {
      if (sender !== undefined) this.#links.delete(sender);
      onEnd();
    };
    const { requestTimeoutMs } = this.#settings;
    sender = await AmqpSender.open(this.#live(), address, name, requestTimeoutMs, onGone);
    return this.#track(sender);
  }

  async receiver(
    hub: string,
    options: Omit<ReceiverOptions, "name" | "timeoutMs" | "onGone">,
  ): Promise<AmqpReceiver> {
    await this.#authorise(hub);
    let receiver: AmqpReceiver | undefined;
    receiver = await AmqpReceiver.open(this.#live(), {
      ...options,
      name: `${options.address}-${randomUUID()}`,
      timeoutMs: this.#settings.requestTimeoutMs,
      onGone: () => {
        if (receiver !== undefined) this.#links.delete(receiver);
      },
    });
    return this.#track(receiver);
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
    this.#hubs.delete(hub);
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
    for (const timer of this.#renewals.values()) clearTimeout(timer);
    for (const link of [...this.#links]) link.fail(cause);
    for (const node of this.#nodes.values()) node.fail(cause);
    this.#links.clear();
  }

  #track<L extends { fail(cause: AmqpError): void }>(link: L): L {
    if (this.#ended) link.fail(new AmqpError(ownConditions.disconnected, "The connection was lost."));
    else this.#links.add(link);
    return link;
  }

  async #read(hub: string, about: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
    await this.#authorise(hub);
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

  /** Presents a token for the hub, once; it is renewed from then on. */
  #authorise(hub: string): Promise<void> {
    const known = this.#granted.get(hub);
    if (known !== undefined) return known;
    const granting = this.#grant(hub);
    this.#granted.set(hub, granting);
    granting.catch(() => this.#granted.delete(hub));
    return granting;
  }

  async #grant(hub: string): Promise<void> {
    const audience = this.#audience(hub);
    const token = await this.#settings.tokens(audience);
    await this.#node("$cbs").ask(
      { operation: "put-token", name: audience, type: token.type },
      token.text,
      this.#settings.requestTimeoutMs,
    );
    const left = token.expiresAt - Date.now();
    this.#renewIn(hub, token.renewInMs ?? Math.max(left / 2, left - renewBeforeMs));
  }

  #renewIn(hub: string, ms: number): void {
    if (this.#ended) return;
    clearTimeout(this.#renewals.get(hub));
    const timer = setTimeout(
      () => {
        this.#grant(hub).catch((cause: unknown) => {
          if (this.#ended) return;
          this.#report(cause);
          this.#renewIn(hub, renewAgainMs);
        });
      },
      Math.min(Math.max(ms, 1_000), longestTimerMs),
    );
    timer.unref();
    this.#renewals.set(hub, timer);
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
