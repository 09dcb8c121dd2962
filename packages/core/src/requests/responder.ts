import type { QueueContract } from "../api/contract.ts";
import type { Delivery, Handler } from "../api/delivery.ts";
import type { Attempt } from "../consuming/attempt.ts";
import { requestHeaders } from "../consuming/request-headers.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { checkedBody } from "../publishing/checked-body.ts";
import { decodeBody } from "../publishing/decode.ts";
import type { Reply } from "../publishing/reply.ts";
import { isRefusedBySchema, validate } from "../publishing/validate.ts";
import type { Clock } from "../runtime/clock.ts";
import { failureReply, saysExpose } from "./failure-reply.ts";
import { Refusals } from "./refusals.ts";
import { isInboxName, numberIn, replyHeaders } from "./reply-headers.ts";
import { RequestAges } from "./request-age.ts";

export interface ResponderContext {
  readonly clock: Clock;
  /** The broker's name of the queue. */
  readonly brokerName: string;
  readonly warn: (error: MessagingError) => void;
  send(reply: Reply): Promise<unknown>;
}

type Answer = Pick<Reply, "body" | "headers">;

/**
 * Turns a responder's handler into one that answers: what it returns or throws is
 * sent to the requester's inbox. The request is acked after that, and not retried,
 * since the requester decides whether to ask again.
 */
export class BrokerResponder<Out, ReplyIn> {
  // biome-ignore lint/suspicious/noExplicitAny: the requester's side does not matter here
  readonly #contract: QueueContract<any, Out, ReplyIn, any>;
  readonly #handler: (value: Out, delivery: Delivery<Out>) => ReplyIn | Promise<ReplyIn>;
  readonly #context: ResponderContext;
  readonly #ages = new RequestAges();
  readonly #refusals: Refusals;

  constructor(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    contract: QueueContract<any, Out, ReplyIn, any>,
    handler: (value: Out, delivery: Delivery<Out>) => ReplyIn | Promise<ReplyIn>,
    context: ResponderContext,
  ) {
    if (contract.reply === undefined) throw withoutReply(contract.name);
    this.#contract = contract;
    this.#handler = handler;
    this.#context = context;
    this.#refusals = new Refusals(contract.name, context.clock, context.warn);
  }

  /** The responder has ended. */
  close(): void {
    this.#refusals.close();
  }

  readonly handle: Handler<Uint8Array> = async (_body, delivery) => {
    const attempt = delivery as unknown as Attempt;
    const { message: wire, receivedAt } = attempt.inFlight;
    const { replyTo, correlationId } = wire;
    // Nobody asks for a reply: what the handler says goes nowhere.
    if (replyTo === undefined || correlationId === undefined) return void (await this.#answer(attempt));
    if (!isInboxName(replyTo)) {
      this.#warn(
        "asks for its reply at an address that is no inbox. It is handled and not answered.",
        "Ask with `request`.",
      );
      return void (await this.#answer(attempt));
    }
    if (numberIn(wire.headers[requestHeaders.skewMs]) !== undefined) this.#refusals.askedAgain(correlationId);
    const now = this.#context.clock.now();
    if (this.#ages.isOver(wire, receivedAt, now)) {
      this.#refusals.refused(correlationId);
      return this.#send(replyTo, correlationId, refusal(this.#contract.name, now));
    }
    await this.#send(replyTo, correlationId, await this.#answer(attempt));
  };

  async #answer(attempt: Attempt): Promise<Answer> {
    let isHandled = false;
    try {
      const value = await this.#read(attempt.inFlight.message.body);
      attempt.value = value;
      isHandled = true;
      const result = await this.#handler(value, attempt as unknown as Delivery<Out>);
      return { body: await this.#encode(result), headers: {} };
    } catch (error) {
      // Its sender's mistake is told in our words: names and rules, never values.
      const isSaid = isHandled ? saysExpose(error) : isRefusedBySchema(error);
      if (!isSaid)
        this.#warn(
          "was answered with an error.",
          "Fix its cause, or throw a `ReplyError` to say why.",
          error,
        );
      return { body: new Uint8Array(), headers: failureReply(error, isSaid) };
    }
  }

  async #read(body: Uint8Array): Promise<Out> {
    const contract = this.#contract;
    let decoded: unknown;
    try {
      decoded = decodeBody(contract, body);
    } catch (cause) {
      throw new MessagingError("DECODE_FAILED", `A request to "${contract.name}" cannot be decoded.`, {
        remedy: "Give its contract the codec of who asks.",
        cause,
      });
    }
    return (await validate(contract, decoded, contract.name)).value;
  }

  async #encode(result: ReplyIn): Promise<Uint8Array> {
    const { reply, name } = this.#contract;
    if (reply === undefined) throw withoutReply(name);
    const { body, checked } = checkedBody(reply, result, `reply of ${name}`);
    await checked;
    return body;
  }

  async #send(inbox: string, correlationId: string, answer: Answer): Promise<void> {
    const { send, brokerName } = this.#context;
    const { contentType } = this.#contract.reply?.codec ?? { contentType: "" };
    const reply = ({ body, headers }: Answer): Reply => ({
      inbox,
      correlationId,
      contentType,
      body,
      headers: { ...headers, [replyHeaders.from]: brokerName },
    });
    try {
      await send(reply(answer));
    } catch (error) {
      if (!MessagingError.isInstance(error)) throw error;
      if (error.code === "MESSAGE_TOO_LARGE") {
        await send(reply({ body: new Uint8Array(), headers: failureReply(error, true) }));
      }
      // Whoever asked is gone: there is nobody left to tell.
      else if (error.code !== "NOT_FOUND") throw error;
    }
  }

  #warn(what: string, remedy: string, cause?: unknown): void {
    this.#context.warn(
      new MessagingError("HANDLER_FAILED", `A request to "${this.#contract.name}" ${what}`, {
        remedy,
        ...(cause === undefined ? {} : { cause }),
        details: { queue: this.#contract.name },
      }),
    );
  }
}

/** The error for a queue that is asked, or to be answered for, and has no replies. */
export function withoutReply(name: string): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", `The queue "${name}" has no \`reply\` in its contract.`, {
    remedy: "Give its contract `reply: { … }`.",
  });
}

function refusal(name: string, now: number): Answer {
  const error = new MessagingError("REQUEST_TIMEOUT", `The time of a request to "${name}" was over.`, {
    remedy: "Respond sooner, or ask with a longer `timeoutMs`.",
  });
  return {
    body: new Uint8Array(),
    headers: { ...failureReply(error, false), [replyHeaders.refusedAt]: String(Math.floor(now)) },
  };
}
