import type { Socket } from "node:net";
import type { Connection, EventContext, Message } from "rhea";
import { type Claim, type Credentials, claimsOf, covers, normalPath } from "../auth/claims.ts";
import { InvalidToken } from "../auth/sas-token.ts";
import { verifyToken } from "../auth/token.ts";
import { concerns, errorOf, type Faults, type Subject } from "../faults/faults.ts";
import type { Hub } from "../namespace/hub.ts";
import { keyOf } from "../namespace/names.ts";
import type { Namespace } from "../namespace/namespace.ts";
import { CONDITION, ServiceError } from "../namespace/service-error.ts";
import { parseSelector, resolvePosition } from "../namespace/start-position.ts";
import { type Address, parseAddress } from "./address.ts";
import { amqpError } from "./amqp-error.ts";
import { addressOf, epochOf, receiverNameOf, selectorOf, wantsRuntimeMetrics } from "./attach-request.ts";
import { putToken } from "./cbs.ts";
import { sendFullFrames } from "./full-frames.ts";
import { Grants, unauthorized } from "./grants.ts";
import { guardConnection, guardSession } from "./guards.ts";
import { readDescription, refused } from "./management.ts";
import { PublisherLink } from "./publisher-link.ts";
import { ReceiverLink } from "./receiver-link.ts";
import { type Reply, ReplyLink, type RequestNode } from "./request-link.ts";
import type { IncomingLink, OutgoingLink, ServerConnection, ServerSession } from "./rhea-internals.ts";

/** Requests that a client may have on the way. */
const REQUEST_CREDIT = 100;
/** The longest that a timer can wait, milliseconds. */
const MAX_TIMER = 2 ** 31 - 1;

/** What a connection serves. */
export interface Service {
  readonly namespace: Namespace;
  readonly credentials: Credentials;
  readonly maxMessageSize: number;
  readonly faults: Faults;
}

/** A link to events, as opposed to requests. */
export type EventLink = PublisherLink | ReceiverLink;

/** One client: its tokens and its links. */
export class ClientConnection {
  readonly #socket: Socket;
  readonly #connection: ServerConnection;
  readonly #service: Service;
  readonly #grants = new Grants();
  readonly #links = new Map<unknown, EventLink>();
  readonly #replies = new Map<unknown, ReplyLink>();
  #expiry: NodeJS.Timeout | undefined;

  constructor(connection: Connection, socket: Socket, service: Service) {
    this.#connection = connection as ServerConnection;
    this.#socket = socket;
    this.#service = service;
    this.#listen();
    guardConnection(this.#connection);
    sendFullFrames(this.#connection);
    this.#connection.accept(socket);
  }

  /** Ends every link to a hub, or to one consumer group of it. */
  closeLinks(error: ServiceError, hub: Hub, group?: string): void {
    for (const link of this.#links.values()) {
      const concerned =
        group === undefined || (link.kind === "receive" && keyOf(link.group) === keyOf(group));
      if (link.hub === hub && concerned) link.close(error);
    }
  }

  /** Ends the links that a fault is about; says how many. */
  detach(selection: Subject, error: ServiceError): number {
    const found = [...this.#links.values()].filter((link) => concerns(selection, link.subject));
    for (const link of found) link.close(error);
    return found.length;
  }

  /** Ends the connection as a broken line would. */
  disconnect(): void {
    this.#socket.destroy();
  }

  /** Says goodbye to the client. */
  close(): void {
    const goodbye = new ServiceError(CONDITION.connectionForced, "The server is shutting down.");
    this.#connection.close(amqpError(goodbye, ""));
  }

  #listen(): void {
    const events: Record<string, (context: EventContext) => void> = {
      session_open: ({ session }) => guardSession(session as ServerSession, (link) => this.#links.get(link)),
      receiver_open: ({ receiver }) => this.#attach(receiver as IncomingLink, "publish"),
      sender_open: ({ sender }) => this.#attach(sender as OutgoingLink, "receive"),
      receiver_close: ({ receiver }) => this.#closed(receiver),
      sender_close: ({ sender }) => this.#closed(sender),
      session_close: ({ session }) => this.#closedIn(session),
      receiver_error: () => {},
      sender_error: () => {},
      session_error: () => {},
      connection_error: () => {},
      disconnected: () => {},
      error: () => this.disconnect(),
      protocol_error: () => this.disconnect(),
    };
    for (const [name, handle] of Object.entries(events)) this.#connection.on(name, handle);
    this.#socket.once("close", () => this.#gone());
  }

  /** Answers an attach: with the terminus confirmed, or with none and the reason right after. */
  #attach(link: IncomingLink | OutgoingLink, role: "publish" | "receive"): void {
    try {
      const address = parseAddress(addressOf(link), role);
      if (role === "publish") this.#openIncoming(link as IncomingLink, address);
      else this.#openOutgoing(link as OutgoingLink, address);
      link.set_source(link.source ?? {});
      link.set_target(link.target ?? {});
    } catch (error) {
      link.close(amqpError(error, "The link could not be opened."));
    }
  }

  #openIncoming(link: IncomingLink, address: Address): void {
    if (address.kind === "cbs") this.#serve(link, "cbs", (request) => this.#putToken(request));
    else if (address.kind === "management") this.#serve(link, "management", (request) => this.#read(request));
    else if (address.kind === "publish") this.#openPublisher(link, address);
  }

  #openPublisher(link: IncomingLink, { hub, partition }: Address & { kind: "publish" }): void {
    this.#attachFault({ hub, partition, role: "publish" });
    const path = partition === undefined ? hub : `${hub}/Partitions/${partition}`;
    this.#authorize(path, "Send");
    const found = this.#service.namespace.requireHub(hub);
    const target = partition === undefined ? undefined : found.partition(partition);
    const { maxMessageSize, faults } = this.#service;
    this.#links.set(
      link,
      new PublisherLink(link, { hub: found, partition: target, path, maxMessageSize }, faults),
    );
  }

  #openOutgoing(link: OutgoingLink, address: Address): void {
    link.local.attach.snd_settle_mode = 1;
    if (address.kind === "receive") this.#openReceiver(link, address);
    else if (address.kind !== "publish") this.#replies.set(link, new ReplyLink(link, address.kind));
  }

  #openReceiver(link: OutgoingLink, address: Address & { kind: "receive" }): void {
    this.#attachFault({ hub: address.hub, partition: address.partition, role: "receive" });
    const path = `${address.hub}/ConsumerGroups/${address.group}/Partitions/${address.partition}`;
    this.#authorize(path, "Listen");
    const hub = this.#service.namespace.requireHub(address.hub);
    const group = hub.requireGroup(address.group).name;
    const partition = hub.partition(address.partition);
    const first = resolvePosition(partition.log, parseSelector(selectorOf(link)));
    const receiver = new ReceiverLink(
      link,
      {
        hub,
        group,
        partition,
        path,
        name: receiverNameOf(link),
        epoch: epochOf(link),
        runtimeMetrics: wantsRuntimeMetrics(link),
      },
      this.#service.faults,
    );
    partition.readersOf(group).admit(receiver);
    this.#links.set(link, receiver);
    receiver.start(first);
  }

  #attachFault(subject: Subject): void {
    const fault = this.#service.faults.take("attach", subject);
    if (fault?.action === "disconnect") this.disconnect();
    else if (fault !== undefined) throw errorOf(fault);
  }

  /** Has a link's messages answered as requests. */
  #serve(link: IncomingLink, node: RequestNode, answer: (request: Message) => Reply): void {
    link.on("message", ({ message, delivery }: EventContext) => {
      const request = message as Message;
      delivery?.accept();
      link.add_credit(1);
      const replyTo = this.#replyLink(node, request.reply_to, link.session);
      const fault = this.#service.faults.take(node === "cbs" ? "token" : node);
      if (fault?.action === "disconnect") this.disconnect();
      else if (fault?.action === "delay")
        setTimeout(() => replyTo?.send(request, answer(request)), fault.delayMs).unref();
      else replyTo?.send(request, fault === undefined ? answer(request) : refused(errorOf(fault)));
    });
    link.add_credit(REQUEST_CREDIT);
  }

  /** The link that a request names for its answer; for clients that name none, the one beside it. */
  #replyLink(node: RequestNode, name: string | undefined, session: unknown): ReplyLink | undefined {
    const links = [...this.#replies.values()].filter((link) => link.node === node);
    const named = links.find((link) => name !== undefined && link.names.includes(name));
    return named ?? links.find((link) => link.session === session);
  }

  #putToken(request: Message): Reply {
    return putToken(request, this.#service.credentials, (grant) => {
      this.#grants.add(grant);
      this.#watchExpiry();
    });
  }

  /** Ends links, as the service does, whose token has expired without another in its place. */
  #watchExpiry(): void {
    clearTimeout(this.#expiry);
    const next = this.#grants.nextExpiry();
    if (next === undefined) return;
    const wait = Math.min(MAX_TIMER, Math.max(0, next - Date.now()) + 1);
    this.#expiry = setTimeout(() => {
      for (const link of this.#links.values()) {
        if (this.#allows(link.path, link.claim)) continue;
        link.close(new ServiceError(CONDITION.unauthorized, "ExpiredToken: The token is expired."));
      }
      this.#watchExpiry();
    }, wait).unref();
  }

  #read(request: Message): Reply {
    return readDescription(request, this.#service.namespace, (hub, token) => {
      if (typeof token === "string") this.#checkToken(token, normalPath(hub));
      else if (!this.#allows(hub, "Listen") && !this.#allows(hub, "Send")) throw unauthorized(hub, "Listen");
    });
  }

  #checkToken(token: string, path: string): void {
    try {
      if (covers(verifyToken(token, this.#service.credentials, Date.now()).path, path)) return;
      throw new InvalidToken("InvalidAudience: The token has an invalid audience.");
    } catch (error) {
      throw error instanceof InvalidToken ? new ServiceError(CONDITION.unauthorized, error.message) : error;
    }
  }

  #authorize(path: string, claim: Claim): void {
    if (!this.#allows(path, claim)) throw unauthorized(path, claim);
  }

  #allows(path: string, claim: Claim): boolean {
    return this.#grants.allow(path, claim) || this.#claimsOfUser().includes(claim);
  }

  /** What the client may do by the key it gave as name and password when it connected. */
  #claimsOfUser(): readonly Claim[] {
    const transport = this.#connection.sasl_transport;
    const name = transport?.username ?? transport?.selected?.username;
    const key = this.#service.credentials.keys.find((candidate) => candidate.name === name);
    return key === undefined ? [] : claimsOf(key);
  }

  #closed(link: unknown): void {
    const found = this.#links.get(link);
    if (found?.kind === "receive") found.stop();
    this.#links.delete(link);
    this.#replies.delete(link);
  }

  #closedIn(session: unknown): void {
    for (const link of [...this.#links.keys(), ...this.#replies.keys()]) {
      if ((link as { session: unknown }).session === session) this.#closed(link);
    }
  }

  #gone(): void {
    clearTimeout(this.#expiry);
    for (const link of [...this.#links.keys()]) this.#closed(link);
  }
}
