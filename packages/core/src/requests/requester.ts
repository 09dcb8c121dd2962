import type { QueueContract } from "../api/contract.ts";
import type { Subscription } from "../api/subscription.ts";
import type { Attempt } from "../consuming/attempt.ts";
import { aborted, closed } from "../errors/ended.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { validate } from "../publishing/encode.ts";
import { randomName } from "../publishing/ids.ts";
import type { Clock } from "../runtime/clock.ts";
import { isInboxName, replyHeaders } from "./reply-headers.ts";

interface Pending {
  readonly settle: (attempt: Attempt) => void;
  readonly fail: (error: MessagingError) => void;
}

export interface AskOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * The asking side: one inbox for the client, opened with its first request, named
 * anew in every process so that no stale reply can reach it.
 */
export class Requests {
  readonly inbox = `reply-${randomName()}`;
  readonly #clock: Clock;
  readonly #openInbox: (name: string, onReply: (attempt: Attempt) => void) => Promise<Subscription>;
  readonly #pending = new Map<string, Pending>();
  #subscription: Promise<Subscription> | undefined;
  #counter = 0;
  #closed = false;

  constructor(
    clock: Clock,
    openInbox: (name: string, onReply: (attempt: Attempt) => void) => Promise<Subscription>,
  ) {
    if (!isInboxName(this.inbox)) throw new Error("an inbox must be named as responders expect");
    this.#clock = clock;
    this.#openInbox = openInbox;
  }

  /** Sends through `send`, with the correlation id it is given, and awaits the reply. */
  async ask<Reply>(
    // biome-ignore lint/suspicious/noExplicitAny: only the reply's type matters here
    contract: QueueContract<any, any, any, Reply>,
    options: AskOptions,
    send: (correlationId: string) => Promise<unknown>,
  ): Promise<Reply> {
    const { reply } = contract;
    if (reply === undefined) {
      throw new MessagingError("INVALID_ARGUMENT", `The queue "${contract.name}" answers nothing.`, {
        remedy: "Give its contract `reply: { … }`.",
      });
    }
    if (!(options.timeoutMs > 0 && Number.isFinite(options.timeoutMs))) {
      throw new MessagingError(
        "INVALID_ARGUMENT",
        `\`timeoutMs\` takes a number above 0, not ${String(options.timeoutMs)}.`,
      );
    }
    if (options.signal?.aborted) throw aborted(options.signal);
    const attempt = await this.#exchange(contract.name, options, send);
    const { headers } = attempt;
    const errorCode = headers[replyHeaders.errorCode];
    if (errorCode !== undefined) {
      throw new MessagingError(
        "REMOTE_ERROR",
        `"${contract.name}" answered with an error: ${headers[replyHeaders.errorMessage] ?? ""}`,
        {
          details: { code: errorCode, message: headers[replyHeaders.errorMessage] ?? "" },
        },
      );
    }
    let value: unknown;
    try {
      value = reply.codec.decode(attempt.body);
    } catch (cause) {
      throw new MessagingError("DECODE_FAILED", `The reply from "${contract.name}" cannot be decoded.`, {
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

  #exchange(
    queue: string,
    options: AskOptions,
    send: (correlationId: string) => Promise<unknown>,
  ): Promise<Attempt> {
    const correlationId = `${this.inbox.slice(-8)}-${(this.#counter++).toString(36)}`;
    return new Promise<Attempt>((resolve, reject) => {
      const finish = () => {
        this.#pending.delete(correlationId);
        this.#clock.clearTimeout(timer);
        options.signal?.removeEventListener("abort", onAbort);
      };
      const fail = (error: unknown) => {
        finish();
        reject(error);
      };
      const onAbort = () => fail(aborted(options.signal as AbortSignal));
      options.signal?.addEventListener("abort", onAbort, { once: true });
      const timer = this.#clock.setTimeout(() => {
        fail(
          new MessagingError("REQUEST_TIMEOUT", `"${queue}" did not reply within ${options.timeoutMs} ms.`, {
            remedy: "Check that a responder runs, or raise `timeoutMs`. The request may have been handled.",
          }),
        );
      }, options.timeoutMs);
      this.#pending.set(correlationId, {
        settle: (attempt) => {
          finish();
          resolve(attempt);
        },
        fail,
      });
      // Waiting for the inbox counts: a caller that has given up is not to be answered.
      this.#open()
        .then(() => (this.#pending.has(correlationId) ? send(correlationId) : undefined))
        .catch(fail);
    });
  }

  #failAll(error: MessagingError): void {
    for (const pending of [...this.#pending.values()]) pending.fail(error);
  }

  #open(): Promise<Subscription> {
    if (this.#closed) return Promise.reject(closed("client"));
    if (this.#subscription !== undefined) return this.#subscription;
    const opening = this.#openInbox(this.inbox, (attempt) => {
      // A reply that nobody awaits any more came after its time-out.
      const { correlationId } = attempt;
      if (correlationId !== undefined) this.#pending.get(correlationId)?.settle(attempt);
    });
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
