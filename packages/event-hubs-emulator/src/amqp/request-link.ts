import rhea, { type Message } from "rhea";
import type { OutgoingLink } from "./rhea-internals.ts";
import { TransferWriter } from "./transfer-writer.ts";

/** The answer to a request on `$cbs` or `$management`. */
export interface Reply {
  readonly status: number;
  readonly description: string;
  readonly condition?: string;
  readonly body?: Record<string, unknown>;
}

/** What answers requests. */
export type RequestNode = "cbs" | "management";

/** Answers that may wait for credit; whoever asks more without listening loses the oldest. */
const MAX_WAITING = 100;

/** The link on which a client listens for answers. */
export class ReplyLink {
  readonly node: RequestNode;
  readonly session: unknown;
  /** What requests give as their `reply_to`: the link's name, or the target the client gave it. */
  readonly names: readonly string[];
  readonly #link: OutgoingLink;
  #waiting: Buffer[] = [];

  constructor(link: OutgoingLink, node: RequestNode) {
    this.#link = link;
    this.node = node;
    this.session = link.session;
    const target = (link.target as { address?: unknown } | undefined)?.address;
    this.names = typeof target === "string" ? [link.name, target] : [link.name];
    link.on("sender_flow", () => setImmediate(() => this.#flush()));
  }

  send(request: Message, reply: Reply): void {
    this.#waiting.push(encodeReply(request, reply));
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
    this.#flush();
  }

  #flush(): void {
    if (!this.#link.is_open() || this.#link.state.open_requests > 0) return;
    const writer = new TransferWriter(this.#link);
    while (this.#link.credit > 0 && writer.window > 0) {
      const message = this.#waiting.shift();
      if (message === undefined) break;
      writer.add(message);
    }
    writer.flush();
  }
}

function encodeReply(request: Message, reply: Reply): Buffer {
  const properties: Record<string, unknown> = {
    "status-code": rhea.types.wrap_int(reply.status),
    "status-description": reply.description,
  };
  if (reply.condition !== undefined) properties["error-condition"] = rhea.types.wrap_symbol(reply.condition);
  const message: Message = { application_properties: properties, body: reply.body ?? null };
  if (request.message_id !== undefined) message.correlation_id = request.message_id as string;
  return rhea.message.encode(message) as unknown as Buffer;
}
