import type { Socket } from "node:net";
import type { Connection, EventContext, Message } from "rhea";
import type { AccessKey, Claim, Grant } from "../auth/claims.ts";
import { claimsOf, covers, normalPath } from "../auth/claims.ts";
import { InvalidToken, verifySasToken } from "../auth/sas-token.ts";
import type { Hub } from "../namespace/hub.ts";
import { keyOf } from "../namespace/names.ts";
import type { Namespace } from "../namespace/namespace.ts";
import { CONDITION, ServiceError } from "../namespace/service-error.ts";
import { parseSelector, resolvePosition } from "../namespace/start-position.ts";
import { type Address, parseAddress } from "./address.ts";
import { putToken } from "./cbs.ts";
import { guardConnection, guardSession } from "./guards.ts";
import { readDescription } from "./management.ts";
import { PublisherLink } from "./publisher-link.ts";
import { ReceiverLink } from "./receiver-link.ts";
import { type Reply, ReplyLink, requestOf } from "./request-link.ts";
import type { IncomingLink, OutgoingLink, ServerConnection, ServerSession } from "./rhea-internals.ts";
import { RUNTIME_METRICS } from "./runtime-metrics.ts";

/** Requests that a client may have on the way. */
const REQUEST_CREDIT = 100;
const EPOCH = "com.microsoft:epoch";
const RECEIVER_NAME = "com.microsoft:receiver-name";

/** What a connection serves. */
export interface Service {
  readonly namespace: Namespace;
  readonly keys: readonly AccessKey[];
  readonly maxMessageSize: number;
}

/** A link to events, as opposed to requests. */
export type EventLink = PublisherLink | ReceiverLink;

/** One client: its tokens and its links. */
export class ClientConnection {
  readonly socket: Socket;
  readonly links = new Map<unknown, EventLink>();
  readonly #connection: ServerConnection;
  readonly #service: Service;
  readonly #grants = new Map<string, Grant>();
  readonly #replies = new Map<unknown, ReplyLink>();
  #expiry: NodeJS.Timeout | undefined;

  constructor(connection: Connection, socket: Socket, service: Service) {
    this.#connection = connection as ServerConnection;
    this.#service = service;
    this.socket = socket;
    const events: Record<string, (context: EventContext) => void> = {
      session_open: ({ session }) => guardSession(session as ServerSession, (link) => this.links.get(link)),
      receiver_open: ({ receiver }) => this.#openPublisher(receiver as IncomingLink),
      sender_open: ({ sender }) => this.#openReceiver(sender as OutgoingLink),
      receiver_close: ({ receiver }) => this.#closed(receiver),
      sender_close: ({ sender }) => this.#closed(sender),
      session_close: ({ session }) => this.#closedIn(session),
      receiver_error: () => {},
      sender_error: () => {},
      session_error: () => {},
      connection_error: () => {},
      disconnected: () => {},
    };
    for (const [name, handle] of Object.entries(events)) connection.on(name, handle);
    const broken = (): void => void socket.destroy();
    connection.on("error", broken);
    connection.on("protocol_error", broken);
    socket.once("close", () => this.#gone());
    guardConnection(this.#connection);
    this.#connection.accept(socket);
  }

  /** Ends every link to a hub, or to one consumer group of it. */
  closeLinks(error: ServiceError, hub: Hub, group?: string): void {
    for (const link of this.links.values()) {
      const concerned =
        group === undefined || (link.kind === "receive" && keyOf(link.group) === keyOf(group));
      if (link.hub === hub && concerned) link.close(error);
    }
  }

  /** Says goodbye to the client. */
  close(): void {
    this.#connection.close({
      condition: "amqp:connection:forced",
      description: "The server is shutting down.",
    });
  }

  #openPublisher(link: IncomingLink): void {
    this.#attach(link, "target", "publish", (address) => {
      if (address.kind === "cbs") return this.#serve(link, (request) => this.#putToken(request));
      if (address.kind === "management") return this.#serve(link, (request) => this.#read(request));
      if (address.kind !== "publish") return;
      const { hub, partition } = address;
      this.#authorize(`${hub}${partition === undefined ? "" : `/partitions/${partition}`}`, "Send");
      const found = this.#service.namespace.requireHub(hub);
      const target = partition === undefined ? undefined : found.partition(partition);
      this.links.set(link, new PublisherLink(link, found, target, this.#service.maxMessageSize));
    });
  }

  #openReceiver(link: OutgoingLink): void {
    link.local.attach.snd_settle_mode = 1;
    this.#attach(link, "source", "receive", (address) => {
      if (address.kind === "cbs" || address.kind === "management") {
        this.#replies.set(link, new ReplyLink(link));
      } else if (address.kind === "receive") this.#openReader(link, address);
    });
  }

  #openReader(link: OutgoingLink, address: Address & { kind: "receive" }): void {
    this.#authorize(
      `${address.hub}/consumergroups/${address.group}/partitions/${address.partition}`,
      "Listen",
    );
    const hub = this.#service.namespace.requireHub(address.hub);
    const group = hub.requireGroup(address.group).name;
    const partition = hub.partition(address.partition);
    const first = resolvePosition(partition.log, parseSelector(selectorOf(link)));
    const receiver = new ReceiverLink(link, {
      hub,
      group,
      partition,
      name: nameOf(link),
      epoch: epochOf(link),
      runtimeMetrics: [link.desired_capabilities].flat().map(String).includes(RUNTIME_METRICS),
    });
    partition.readersOf(group).admit(receiver);
    this.links.set(link, receiver);
    receiver.start(first);
  }

  /** Answers an attach: with the terminus confirmed, or with none and the reason right after. */
  #attach(
    link: IncomingLink | OutgoingLink,
    terminus: "source" | "target",
    role: "publish" | "receive",
    open: (address: Address) => void,
  ): void {
    const address = (link[terminus] as { address?: unknown } | null | undefined)?.address;
    try {
      open(parseAddress(typeof address === "string" ? address : "", role));
      link.set_source(link.source ?? {});
      link.set_target(link.target ?? {});
    } catch (error) {
      const { condition, message } =
        error instanceof ServiceError
          ? error
          : new ServiceError(CONDITION.internal, "The link could not be opened.");
      link.close({ condition, description: message });
    }
  }

  #serve(link: IncomingLink, answer: (request: Message) => Reply): void {
    link.on("message", (context: EventContext) => {
      const request = requestOf(context);
      context.delivery?.accept();
      link.add_credit(1);
      this.#replyLink(request.reply_to, link.session)?.send(request, answer(request));
    });
    link.add_credit(REQUEST_CREDIT);
  }

  #replyLink(name: string | undefined, session: unknown): ReplyLink | undefined {
    const links = [...this.#replies.values()];
    return (
      links.find((link) => name !== undefined && link.names.includes(name)) ??
      links.find((link) => link.session === session)
    );
  }

  #putToken(request: Message): Reply {
    return putToken(request, this.#service.keys, (grant) => {
      this.#grants.set(grant.path, grant);
      this.#watchExpiry();
    });
  }

  #read(request: Message): Reply {
    return readDescription(request, this.#service.namespace, (hub, token) => {
      if (typeof token === "string") return this.#checkToken(token, normalPath(hub));
      for (const claim of ["Listen", "Send"] as const) if (this.#allows(normalPath(hub), claim)) return;
      throw unauthorized(hub, "Listen");
    });
  }

  #checkToken(token: string, path: string): void {
    try {
      if (covers(verifySasToken(token, this.#service.keys, Date.now()).path, path)) return;
    } catch (error) {
      if (!(error instanceof InvalidToken)) throw error;
      throw new ServiceError(CONDITION.unauthorized, error.message);
    }
    throw new ServiceError(CONDITION.unauthorized, "InvalidAudience: The token has an invalid audience.");
  }

  #authorize(path: string, claim: Claim): void {
    if (!this.#allows(normalPath(path), claim)) throw unauthorized(path, claim);
  }

  #allows(path: string, claim: Claim): boolean {
    const now = Date.now();
    for (const grant of this.#grants.values()) {
      if (grant.expires > now && grant.claims.includes(claim) && covers(grant.path, path)) return true;
    }
    return this.#claimsOfUser().includes(claim);
  }

  /** What the client may do by the key it gave as name and password when it connected. */
  #claimsOfUser(): readonly Claim[] {
    const transport = this.#connection.sasl_transport;
    const name = transport?.username ?? transport?.selected?.username;
    const key = this.#service.keys.find((candidate) => candidate.name === name);
    return key === undefined ? [] : claimsOf(key);
  }

  #watchExpiry(): void {}

  #closed(link: unknown): void {
    const found = this.links.get(link);
    if (found?.kind === "receive") found.stop();
    this.links.delete(link);
    this.#replies.delete(link);
  }

  #closedIn(session: unknown): void {
    for (const link of [...this.links.keys(), ...this.#replies.keys()]) {
      if ((link as { session: unknown }).session === session) this.#closed(link);
    }
  }

  #gone(): void {
    clearTimeout(this.#expiry);
    for (const link of [...this.links.keys()]) this.#closed(link);
  }
}

function unauthorized(path: string, claim: Claim): ServiceError {
  return new ServiceError(
    CONDITION.unauthorized,
    `Unauthorized access. '${claim}' claim(s) are required to perform this operation. Resource: '${path}'.`,
  );
}

function selectorOf(link: OutgoingLink): string | undefined {
  const filters = (link.source as { filter?: unknown } | undefined)?.filter as
    | Record<string, unknown>
    | undefined;
  const filter = filters?.["apache.org:selector-filter:string"] as { value?: unknown } | string | undefined;
  const text = typeof filter === "object" && filter !== null ? filter.value : filter;
  return text === undefined ? undefined : String(text);
}

function epochOf(link: OutgoingLink): number | undefined {
  const epoch = (link.properties as Record<string, unknown> | undefined)?.[EPOCH];
  return epoch === undefined || epoch === null ? undefined : Number(epoch);
}

function nameOf(link: OutgoingLink): string {
  const name = (link.properties as Record<string, unknown> | undefined)?.[RECEIVER_NAME];
  return name === undefined ? "nil" : String(name);
}
