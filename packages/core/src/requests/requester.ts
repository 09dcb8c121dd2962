import type { QueueContract } from "../api/contract.ts";
import type { Subscription } from "../api/subscription.ts";
import type { Attempt } from "../consuming/attempt.ts";
import { requestHeaders } from "../consuming/request-headers.ts";
import { aborted, closed } from "../errors/ended.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { decodeBody } from "../publishing/decode.ts";
import { randomName } from "../publishing/ids.ts";
import { validate } from "../publishing/validate.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Headers } from "../spi/message.ts";
import { isInboxName, numberIn, replyHeaders } from "./reply-headers.ts";
import { withoutReply } from "./responder.ts";

interface Pending {
  /** The broker's name of the queue that was asked: nobody else's reply counts. */
  readonly queue: string;
  settle(attempt: Attempt): void;
  /** The responder's clock says that the time is over; here it is not. */
  askAgain(skewMs: number): void;
  fail(error: MessagingError): void;
}

export interface AskOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** The broker's name of the queue. */
  readonly brokerName: string;
  /** Of its body, which is kept from now on. */
  readonly bytes: number;
}

export interface RequesterContext {
  readonly clock: Clock;
  /** The most requests that may await their replies. */
  readonly maxPending: number;
  /** The most bytes of them. One alone always fits. */
  readonly maxPendingBytes: number;
  readonly warn: (error: MessagingError) => void;
  openInbox(name: string, onReply: (attempt: Attempt) => void): Promise<Subscription>;
}

/** Publishes the request with this correlation id and these headers, telling its size before it leaves. */
type Send = (correlationId: string, headers: Headers, onSize: (size: number) => void) => Promise<unknown>;

/** So often is a request sent again to responders whose clocks differ from this one's. */
const mostRefusals = 3;

/**
 * The asking side: one inbox for the client, opened with its first request, named
 * anew in every process so that no stale reply can reach it.
 */
export class BrokerRequester {
  readonly inbox = `reply-${randomName()}`;
  readonly #context: RequesterContext;
  readonly #pending = new Map<string, Pending>();
  /** Of all that are pending and have been written: each is kept to be sent again. */
  #pendingBytes = 0;
  #subscription: Promise<Subscription> | undefined;
  #closed = false;

  constructor(context: RequesterContext) {
    if (!isInboxName(this.inbox)) throw new Error("an inbox must be named as responders expect");
    this.#context = context;
  }

  /** Sends through `send`, and awaits the reply. */
  async ask<Reply>(
    // biome-ignore lint/suspicious/noExplicitAny: only the reply's type matters here
    contract: QueueContract<any, any, any, Reply>,
    options: AskOptions,
    send: Send,
  ): Promise<Reply> {
    const { reply } = contract;
    if (reply === undefined) throw withoutReply(contract.name);
    if (options.signal?.aborted) throw aborted(options.signal);
    const { maxPending } = this.#context;
    if (this.#pending.size >= maxPending) {
      throw new MessagingError("OVERLOADED", `${maxPending} requests await their replies.`, {
        remedy: "Await replies before you ask more, or raise `maxPending.messages`.",
      });
    }
    this.#takeRoom(options.bytes);
    const attempt = await this.#exchange(contract.name, options, send);
    const { headers } = attempt;
    const errorCode = headers[replyHeaders.errorCode];
    if (errorCode !== undefined)
      throw remoteError(contract.name, errorCode, headers[replyHeaders.errorMessage]);
    let value: unknown;
    try {
      value = decodeBody(reply, attempt.inFlight.message.body);
    } catch (cause) {
      throw new MessagingError("DECODE_FAILED", `The reply from "${contract.name}" cannot be decoded.`, {
        remedy: "Give the `reply` of its contract the codec of who responds.",
        cause,
      });
    }
    return (await validate(reply, value, `reply of ${contract.name}`)).value;
  }

  /** Fails all that wait. The inbox is closed by whoever closes subscriptions. */
  close(): void {
    this.#closed = true;
    this.#failAll(closed("client"));
  }

  #exchange(name: string, options: AskOptions, send: Send): Promise<Attempt> {
    const { clock } = this.#context;
    const { timeoutMs, signal } = options;
    // 128 random bits: whoever can name it has seen the request.
    const correlationId = randomName();
    const askedAt = clock.now();
    let refusals = 0;
    let { bytes } = options;
    const onSize = (size: number) => {
      if (!this.#pending.has(correlationId)) return;
      // It was let in: what headers add is counted, and not refused.
      this.#pendingBytes += size - bytes;
      bytes = size;
    };
    return new Promise<Attempt>((resolve, reject) => {
      const finish = () => {
        if (this.#pending.delete(correlationId)) this.#pendingBytes -= bytes;
        clock.clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      };
      const fail = (error: unknown) => {
        finish();
        reject(error);
      };
      const onAbort = () => fail(aborted(signal as AbortSignal));
      signal?.addEventListener("abort", onAbort, { once: true });
      const timer = clock.setTimeout(() => {
        fail(
          new MessagingError("REQUEST_TIMEOUT", `"${name}" did not reply within ${timeoutMs} ms.`, {
            remedy: "Check that a responder runs, or raise `timeoutMs`. The request may have been handled.",
          }),
        );
      }, timeoutMs);
      const sendNow = (skewMs?: number) => {
        if (!this.#pending.has(correlationId)) return undefined;
        // Between 1 and all of it, wherever the clock has been set in the meantime.
        const leftMs = Math.min(timeoutMs, Math.max(1, Math.ceil(timeoutMs - (clock.now() - askedAt))));
        const skew = skewMs === undefined ? {} : { [requestHeaders.skewMs]: String(skewMs) };
        return send(correlationId, { [requestHeaders.timeoutMs]: String(leftMs), ...skew }, onSize);
      };
      this.#pending.set(correlationId, {
        queue: options.brokerName,
        settle: (attempt) => {
          finish();
          resolve(attempt);
        },
        askAgain: (skewMs) => {
          if (++refusals <= mostRefusals) Promise.resolve(sendNow(skewMs)).catch(fail);
        },
        fail,
      });
      // Waiting for the inbox counts: a caller that has given up is not to be answered.
      this.#open()
        .then(() => sendNow())
        .catch(fail);
    });
  }

  /** @throws MessagingError `OVERLOADED` */
  #takeRoom(bytes: number): void {
    const { maxPendingBytes } = this.#context;
    if (bytes > 0 && this.#pendingBytes > 0 && this.#pendingBytes + bytes > maxPendingBytes) {
      throw new MessagingError(
        "OVERLOADED",
        `There is no room for a request of ${bytes} bytes: ${this.#pendingBytes} bytes await their replies, and \`maxPending.bytes\` allows ${maxPendingBytes}.`,
        {
          remedy: "Await replies before you ask more, or raise `maxPending.bytes`.",
          details: { bytes, pendingBytes: this.#pendingBytes, maxBytes: maxPendingBytes },
        },
      );
    }
    this.#pendingBytes += bytes;
  }

  #onReply(attempt: Attempt): void {
    const { correlationId, headers } = attempt;
    // A reply that nobody awaits any more came after its timeout.
    const pending = correlationId === undefined ? undefined : this.#pending.get(correlationId);
    if (pending === undefined) return;
    const from = headers[replyHeaders.from];
    if (from !== undefined && from !== pending.queue) {
      this.#context.warn(
        new MessagingError(
          "REMOTE_ERROR",
          `A reply to a request to "${pending.queue}" came from another queue and was dropped.`,
          {
            remedy: "Check who consumes the queue and forwards its messages.",
            details: { queue: pending.queue },
          },
        ),
      );
      return;
    }
    const refusedAt = numberIn(headers[replyHeaders.refusedAt]);
    if (refusedAt === undefined) pending.settle(attempt);
    else pending.askAgain(Math.round(refusedAt - this.#context.clock.now()));
  }

  #failAll(error: MessagingError): void {
    for (const pending of [...this.#pending.values()]) pending.fail(error);
  }

  #open(): Promise<Subscription> {
    if (this.#closed) return Promise.reject(closed("client"));
    if (this.#subscription !== undefined) return this.#subscription;
    const opening = this.#context.openInbox(this.inbox, (attempt) => this.#onReply(attempt));
    this.#subscription = opening;
    // When it is gone, whatever was asked through it stays without an answer; the next request opens another.
    const gone = (error: MessagingError | undefined) => {
      if (this.#subscription === opening) this.#subscription = undefined;
      if (error !== undefined) this.#failAll(error);
    };
    opening.then(({ ended }) => ended.then(gone), gone);
    return opening;
  }
}

/** The longest text of a responder that an error shows. */
const longestText = 1_000;

function remoteError(queue: string, codeSaid: string, messageSaid: string | undefined): MessagingError {
  const code = codeSaid.slice(0, 100);
  const message = messageSaid?.slice(0, longestText).toWellFormed();
  return new MessagingError(
    "REMOTE_ERROR",
    `"${queue}" replied with the error ${code}${message === undefined ? "" : `: ${message}`}.`,
    {
      remedy: "Look for its cause where the queue is responded to.",
      details: { code, ...(message === undefined ? {} : { message }) },
    },
  );
}
