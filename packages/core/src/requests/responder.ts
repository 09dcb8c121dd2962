import type { QueueContract } from "../api/contract.ts";
import type { Delivery, Handler } from "../api/delivery.ts";
import type { Attempt } from "../consuming/attempt.ts";
import { errorText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { encodeBody, validate } from "../publishing/encode.ts";
import type { Reply } from "../publishing/reply.ts";
import { isInboxName, replyHeaders } from "./reply-headers.ts";

/**
 * Turns a responder's handler into one that answers: what it returns or throws is
 * sent to the requester's inbox. The request is acked after that, and not retried,
 * since the requester decides whether to ask again.
 */
export function answering<Out, ReplyIn>(
  // biome-ignore lint/suspicious/noExplicitAny: the requester's side does not matter here
  contract: QueueContract<any, Out, ReplyIn, any>,
  handler: (value: Out, delivery: Delivery<Out>) => ReplyIn | Promise<ReplyIn>,
  send: (reply: Reply) => Promise<unknown>,
): Handler<Uint8Array> {
  const { reply } = contract;
  if (reply === undefined) {
    throw new MessagingError("INVALID_ARGUMENT", `The queue "${contract.name}" answers nothing.`, {
      remedy: "Give its contract `reply: { … }`.",
    });
  }

  const answer = async (delivery: Delivery<Uint8Array>): Promise<Pick<Reply, "body" | "headers">> => {
    try {
      const { value } = await validate(contract, contract.codec.decode(delivery.body), contract.name);
      const attempt = delivery as unknown as Attempt;
      attempt.value = value;
      const result = await handler(value, attempt as unknown as Delivery<Out>);
      await validate(reply, result, `reply of ${contract.name}`);
      return { body: encodeBody(reply, result, `reply of ${contract.name}`), headers: {} };
    } catch (error) {
      return failure(error);
    }
  };

  return async (_body, delivery) => {
    const { replyTo } = (delivery as unknown as Attempt).inFlight.message;
    const { correlationId } = delivery;
    const answered = await answer(delivery);
    if (replyTo === undefined || correlationId === undefined || !isInboxName(replyTo)) return;
    const to = { inbox: replyTo, correlationId, contentType: reply.codec.contentType };
    try {
      await send({ ...to, ...answered });
    } catch (error) {
      if (!MessagingError.isInstance(error)) throw error;
      if (error.code === "MESSAGE_TOO_LARGE") await send({ ...to, ...failure(error) });
      // Whoever asked is gone: there is nobody left to tell.
      else if (error.code !== "NOT_FOUND") throw error;
    }
  };
}

/** The reply that says why there is none. */
function failure(error: unknown): Pick<Reply, "body" | "headers"> {
  return {
    body: new Uint8Array(),
    headers: {
      [replyHeaders.errorCode]: codeOf(error),
      [replyHeaders.errorMessage]: errorText(error),
    },
  };
}

/** An application's own errors may carry a `code`, which then travels with the reply. */
function codeOf(error: unknown): string {
  if (typeof error === "object" && error !== null && "code" in error && typeof error.code === "string") {
    return error.code.slice(0, 100).toWellFormed();
  }
  return "HANDLER_FAILED";
}
