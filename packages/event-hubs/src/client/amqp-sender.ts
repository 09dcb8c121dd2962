import type { Connection, Delivery, EventContext, Sender } from "rhea";
import { AmqpError, ownConditions } from "./amqp-error.ts";
import { endSession } from "./end-session.ts";

/** The format of a batch: data sections with an encoded message each (Event Hubs' own, 0x80013700). */
const batchFormat = 0x80013700;

interface Unconfirmed {
  resolve(): void;
  reject(cause: unknown): void;
}

interface Waiting extends Unconfirmed {
  readonly payload: Buffer;
}

/**
 * A link to a hub or one of its partitions. Sends are passed on in order as the
 * service gives credit, and end with its disposition. Once it has failed it stays so.
 */
export class AmqpSender {
  readonly #link: Sender;
  readonly #onEnd: () => void;
  readonly #unconfirmed = new Map<Delivery, Unconfirmed>();
  #waiting: Waiting[] = [];
  #failure: AmqpError | undefined;
  #closing = false;

  private constructor(link: Sender, onEnd: () => void) {
    this.#link = link;
    this.#onEnd = onEnd;
    link.on("sendable", () => this.#flush());
    link.on("accepted", ({ delivery }: EventContext) => this.#take(delivery)?.resolve());
    for (const outcome of ["rejected", "released"]) {
      link.on(outcome, ({ delivery }: EventContext) => {
        const error = (delivery?.remote_state as { error?: unknown } | undefined)?.error;
        this.#take(delivery)?.reject(AmqpError.from(error, "com.microsoft:server-busy"));
      });
    }
  }

  static open(
    connection: Connection,
    address: string,
    name: string,
    timeoutMs: number,
    onEnd: () => void,
  ): Promise<AmqpSender> {
    const session = connection.create_session();
    session.open();
    const link = session.open_sender({ name, source: { address: name }, target: { address } });
    return new Promise((resolve, reject) => {
      const sender = new AmqpSender(link, onEnd);
      const failed = (cause: AmqpError) => {
        clearTimeout(timer);
        sender.fail(cause);
        reject(cause);
      };
      const timer = setTimeout(
        () => failed(new AmqpError(ownConditions.timeout, `No link to ${address} within ${timeoutMs} ms.`)),
        timeoutMs,
      );
      // A refusal is an attach without a target, and then a detach that says why.
      link.on("sender_open", () => {
        if (!link.target?.address) return;
        clearTimeout(timer);
        resolve(sender);
      });
      const ended = () => failed(AmqpError.from(link.error ?? session.error, "amqp:link:detach-forced"));
      for (const event of ["sender_error", "sender_close"]) link.on(event, ended);
      for (const event of ["session_error", "session_close"]) session.on(event, ended);
    });
  }

  /** The largest transfer that the service takes here, in bytes; 0 if it says nothing. */
  get maxBytes(): number {
    return Number(this.#link.max_message_size ?? 0);
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  send(payload: Buffer): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ payload, resolve, reject });
      this.#flush();
    });
  }

  /** Closes the link once what was given to it has ended. */
  closeWhenIdle(): void {
    this.#closing = true;
    if (this.#unconfirmed.size === 0 && this.#waiting.length === 0) {
      this.fail(new AmqpError(ownConditions.closed, "The link was closed."));
    }
  }

  fail(cause: AmqpError): void {
    if (this.#failure !== undefined) return;
    this.#failure = cause;
    for (const { reject } of this.#unconfirmed.values()) reject(cause);
    for (const { reject } of this.#waiting) reject(cause);
    this.#unconfirmed.clear();
    this.#waiting = [];
    endSession(this.#link.session, this.#link);
    this.#onEnd();
  }

  #take(delivery: Delivery | undefined): Unconfirmed | undefined {
    if (delivery === undefined) return undefined;
    const unconfirmed = this.#unconfirmed.get(delivery);
    this.#unconfirmed.delete(delivery);
    // The session has room for one more once this event is over.
    if (this.#waiting.length > 0) queueMicrotask(() => this.#flush());
    else if (this.#closing) this.closeWhenIdle();
    return unconfirmed;
  }

  #flush(): void {
    let sent = 0;
    while (sent < this.#waiting.length && this.#failure === undefined && this.#link.sendable()) {
      const waiting = this.#waiting[sent++] as Waiting;
      this.#unconfirmed.set(this.#link.send(waiting.payload, undefined, batchFormat), waiting);
    }
    if (sent > 0) this.#waiting = this.#waiting.slice(sent);
  }
}
