import { randomUUID } from "node:crypto";
import type { Connection, EventContext, Message, Receiver, Sender, Session } from "rhea";
import { AmqpError, ownConditions } from "./amqp-error.ts";
import { endSession } from "./end-session.ts";

interface Waiting {
  resolve(answer: Message): void;
  reject(cause: unknown): void;
}

/** Requests to a node of the service (`$cbs`, `$management`) and their answers, over a session of their own. */
export class Requests {
  readonly #node: string;
  readonly #replyTo = `waybill-${randomUUID()}`;
  readonly #session: Session;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #waiting = new Map<string, Waiting>();
  readonly #unsent: Message[] = [];
  #failure: AmqpError | undefined;

  constructor(connection: Connection, node: string) {
    this.#node = node;
    this.#session = connection.create_session();
    this.#session.open();
    this.#sender = this.#session.open_sender({ target: { address: node } });
    this.#receiver = this.#session.open_receiver({
      name: this.#replyTo,
      source: { address: node },
      target: { address: this.#replyTo },
    });
    const failed = (context: EventContext) => {
      const link = context.receiver ?? context.sender ?? context.session;
      this.fail(AmqpError.from(link?.error, "amqp:link:detach-forced"));
    };
    for (const event of ["sender_error", "sender_close"]) this.#sender.on(event, failed);
    for (const event of ["receiver_error", "receiver_close"]) this.#receiver.on(event, failed);
    for (const event of ["session_error", "session_close"]) this.#session.on(event, failed);
    this.#sender.on("sendable", () => this.#flush());
    this.#receiver.on("message", ({ message }: EventContext) => this.#answered(message as Message));
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Rejects with the service's status as an `AmqpError`, or when `timeoutMs` is over. */
  ask(properties: Readonly<Record<string, string>>, body: unknown, timeoutMs: number): Promise<Message> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = randomUUID();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(
          new AmqpError(ownConditions.timeout, `${this.#node} did not answer within ${timeoutMs / 1000} s.`),
        );
      }, timeoutMs);
      this.#waiting.set(id, {
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        reject: (cause) => {
          clearTimeout(timer);
          reject(cause);
        },
      });
      this.#unsent.push({
        message_id: id,
        reply_to: this.#replyTo,
        to: this.#node,
        application_properties: properties,
        body,
      } as Message);
      this.#flush();
    });
  }

  fail(failure: AmqpError): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    for (const { reject } of this.#waiting.values()) reject(failure);
    this.#waiting.clear();
    endSession(this.#session, this.#sender, this.#receiver);
  }

  #flush(): void {
    while (this.#unsent.length > 0 && this.#sender.sendable()) {
      this.#sender.send(this.#unsent.shift() as Message);
    }
  }

  #answered(message: Message): void {
    const waiting = this.#waiting.get(String(message.correlation_id));
    if (waiting === undefined) return;
    this.#waiting.delete(String(message.correlation_id));
    const answer = message.application_properties ?? {};
    const status = Number(answer["status-code"] ?? answer.statusCode);
    if (status >= 200 && status < 300) waiting.resolve(message);
    else waiting.reject(statusError(this.#node, status, answer));
  }
}

const conditionOfStatus: Readonly<Record<number, string>> = {
  400: "com.microsoft:argument-error",
  401: "amqp:unauthorized-access",
  403: "amqp:unauthorized-access",
  404: "amqp:not-found",
  408: "com.microsoft:timeout",
  500: "amqp:internal-error",
  503: "com.microsoft:server-busy",
};

function statusError(node: string, status: number, answer: Readonly<Record<string, unknown>>): AmqpError {
  const condition = answer["error-condition"] ?? answer.errorCondition;
  const said = answer["status-description"] ?? answer.statusDescription ?? "";
  return new AmqpError(
    typeof condition === "string" ? condition : (conditionOfStatus[status] ?? "amqp:internal-error"),
    `${node} answered ${status}: ${String(said)}`,
  );
}
