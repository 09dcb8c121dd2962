import type { QueueContract } from "../api/contract.ts";
import type { Delivery, Handler } from "../api/delivery.ts";
import type { HandleMiddleware } from "../api/middleware.ts";
import type { Attempt } from "../consuming/attempt.ts";
import { requestHeaders } from "../consuming/request-headers.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { expectReply, replyEnded } from "../policies/reply-under-way.ts";
import { checkedBody } from "../publishing/checked-body.ts";
import { decodeBody } from "../publishing/decode.ts";
import type { Reply } from "../publishing/reply.ts";
import { isRefusedBySchema, validate } from "../publishing/validate.ts";
import { type Clock, monotonicNow } from "../runtime/clock.ts";
import { toldRejection } from "../runtime/told-rejection.ts";
import { failureReply, saysExpose } from "./failure-reply.ts";
import { graceMs, Refusals } from "./refusals.ts";
import { isInboxName, numberIn, replyHeaders } from "./reply-headers.ts";
import { ReplySender } from "./reply-sender.ts";
import type { RequestAges } from "./request-age.ts";

export interface ResponderContext {
  readonly clock: Clock;
  /** What the client knows of requesters' clocks. */
  readonly ages: RequestAges;
  /** The broker's name of the queue. */
  readonly brokerName: string;
  readonly warn: (error: MessagingError) => void;
  send(reply: Reply): Promise<unknown>;
}

type Answer = Pick<Reply, "body" | "headers">;

/** A request that is being handled, by its delivery. */
interface RequestCall {
  /** Handler calls that have not ended. */
  running: number;
  /** What the handler has returned. */
  returned?: { readonly value: unknown };
}

/**
 * Turns a responder's handler into one that answers: what it returns, or what it or a middleware
 * throws, is sent to the requester's inbox. The request is acked after that, whether or not its reply
 * could be sent, and not retried: its handler has ended, and the requester decides whether to ask again.
 */
export class BrokerResponder<Out, ReplyIn> {
  // biome-ignore lint/suspicious/noExplicitAny: the requester's side does not matter here
  readonly #contract: QueueContract<any, Out, ReplyIn, any>;
  readonly #handler: (value: Out, delivery: Delivery<Out>) => ReplyIn | Promise<ReplyIn>;
  readonly #context: ResponderContext;
  readonly #calls = new WeakMap<object, RequestCall>();
  readonly #refusals: Refusals;
  readonly #replies: ReplySender;

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
    this.#replies = new ReplySender(contract.name, context);
  }

  /** The responder has ended. */
  close(): void {
    this.#refusals.close();
    this.#replies.close();
  }

  /** Outermost, so that every middleware sees the request as its handler does, and how the handler ended. */
  readonly outermost: HandleMiddleware = async (delivery, next) => {
    const attempt = delivery as unknown as Attempt;
    const { message: wire, receivedAt } = attempt.inFlight;
    const { replyTo, correlationId } = wire;
    if (replyTo === undefined || correlationId === undefined) return this.#unasked(attempt, next);
    if (!isInboxName(replyTo)) {
      this.#warn(
        "asks for its reply at an address that is no inbox. It is handled and not answered.",
        "Ask with `request`.",
      );
      return this.#unasked(attempt, next);
    }
    if (numberIn(wire.headers[requestHeaders.skewMs]) !== undefined) this.#refusals.askedAgain(correlationId);
    const { clock, ages } = this.#context;
    const now = clock.now();
    const startedAt = monotonicNow(clock);
    const leftMs = ages.leftMs(wire, receivedAt, now);
    if (leftMs <= 0) {
      this.#refusals.refused(correlationId);
      const answer = refusal(this.#contract.name, now);
      // That it was dropped is told of unless it is asked again, whatever becomes of this.
      return void (await this.#replies.send(
        this.#reply(replyTo, correlationId, answer),
        startedAt + graceMs,
      ));
    }
    expectReply(attempt);
    let isOnItsWay = false;
    try {
      const answer = await this.#answer(attempt, next);
      if (answer === undefined) this.#skipped();
      else {
        const reply = this.#reply(replyTo, correlationId, answer);
        const failure = await this.#replies.send(reply, startedAt + leftMs);
        if (failure === undefined) isOnItsWay = true;
        else this.#context.warn(failure);
      }
    } finally {
      await replyEnded(attempt, isOnItsWay, this.#unheard);
    }
  };

  readonly handle: Handler<unknown> = async (value, delivery) => {
    const call = this.#calls.get(delivery) as RequestCall;
    call.running++;
    try {
      call.returned = { value: await this.#handler(value as Out, delivery as Delivery<Out>) };
    } finally {
      call.running--;
    }
  };

  /** Nobody waits for a reply: a message like any other, which is retried and dead-lettered when it fails. */
  async #unasked(attempt: Attempt, next: () => Promise<void>): Promise<void> {
    this.#calls.set(attempt, { running: 0 });
    try {
      attempt.value = await this.#read(attempt.inFlight.message.body);
    } catch (error) {
      return void (await attempt.reject(error));
    }
    await next();
  }

  /** `undefined` where a middleware has skipped the handler, as for a request that was handled before. */
  async #answer(attempt: Attempt, next: () => Promise<void>): Promise<Answer | undefined> {
    const call: RequestCall = { running: 0 };
    this.#calls.set(attempt, call);
    let isRead = false;
    try {
      attempt.value = await this.#read(attempt.inFlight.message.body);
      isRead = true;
      this.#asRequest(attempt);
      await next();
      if (call.returned !== undefined)
        return { body: await this.#encode(call.returned.value as ReplyIn), headers: {} };
      if (!attempt.call.handlerCalled) return undefined;
      throw new MessagingError(
        "HANDLER_FAILED",
        "A middleware ended without its handler's reply, or what that threw.",
        {
          remedy: "Await `next()`, and let what it throws pass.",
        },
      );
    } catch (error) {
      // A middleware, such as `timeout`, has given up: the requester need not wait for the handler's end.
      if (call.running > 0) attempt.cancel(error);
      // Its sender's mistake is told in our words: names and rules, never values.
      const isSaid = isRead ? saysExpose(error) : isRefusedBySchema(error);
      if (!isSaid)
        this.#warn(
          "was answered with an error.",
          "Fix its cause, or throw a `ReplyError` to say why.",
          error,
        );
      return { body: new Uint8Array(), headers: failureReply(error, isSaid) };
    }
  }

  /** To be answered, whatever becomes of it. */
  #asRequest(attempt: Attempt): void {
    const { name } = this.#contract;
    const unheard = (error: unknown) => this.#context.warn(error as MessagingError);
    const refuse = { value: () => toldRejection(Promise.reject(notRetried(name)), unheard) };
    Object.defineProperties(attempt, { retry: refuse, reject: refuse });
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

  #reply(inbox: string, correlationId: string, { body, headers }: Answer): Reply {
    const { contentType } = this.#contract.reply?.codec ?? { contentType: "" };
    return {
      inbox,
      correlationId,
      contentType,
      body,
      headers: { ...headers, [replyHeaders.from]: this.#context.brokerName },
    };
  }

  #skipped(): void {
    this.#warn(
      "was skipped by a middleware, and is not answered.",
      "Throw a `ReplyError` in that middleware, unless the request was answered before.",
    );
  }

  readonly #unheard = (cause: unknown): void =>
    this.#warn(
      "was answered, and could not be remembered.",
      "See its cause; should the request come again, it is handled again.",
      cause,
    );

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

function notRetried(name: string): MessagingError {
  return new MessagingError(
    "INVALID_ARGUMENT",
    `A request to "${name}" was to be retried or rejected, and is answered once instead.`,
    { remedy: "Return its reply, or throw a `ReplyError` that says why there is none." },
  );
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
