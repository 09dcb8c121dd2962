import type { MessagingError } from "../errors/messaging-error.ts";
import type { Clock } from "../runtime/clock.ts";
import { promised } from "../runtime/thenable.ts";
import type { Delivery } from "./delivery.ts";
import type { Receipt } from "./publisher.ts";

/**
 * A message on its way out. A publish middleware may change its headers, until it calls `next`. All
 * else was decided when `publish` was called: whoever changes it gets an error, and nothing is sent.
 */
export interface OutgoingMessage {
  readonly kind: "topic" | "queue";
  /** The portable name of the destination. */
  readonly destination: string;
  /** What a consumer will decode, before its schema: a copy for middleware, made when it is first read, and frozen. */
  readonly value: unknown;
  readonly id: string;
  readonly headers: Record<string, string>;
}

/** Around one publish or send. `next` resolves when the broker has confirmed. */
export type PublishMiddleware = (message: OutgoingMessage, next: () => Promise<Receipt>) => Promise<Receipt>;

/** What a middleware around handlers may use besides the delivery. */
export interface HandlerContext {
  /** The client's clock. */
  readonly clock: Clock;
  /** Fires when the subscription closes. */
  readonly signal: AbortSignal;
  /**
   * Starts no further handler of this subscription until the returned function is called, or the
   * subscription closes. Independent of `pause` and `resume`, which are the operator's.
   */
  hold(): () => void;
  /** Tells `onError` and `logger` of something that went another way than planned, where nothing is thrown that says it. */
  warn(warning: MessagingError): void;
}

/**
 * Around one handler call. Throwing is as if the handler had thrown; not calling
 * `next` skips the handler, and the message is acked unless it was settled. The turn
 * of a message lasts until its handler has ended, even if a middleware ends before; from then on
 * `next` rejects, and calls no handler.
 */
export type HandleMiddleware = (
  delivery: Delivery,
  next: () => Promise<void>,
  context: HandlerContext,
) => Promise<void>;

/** One middleware out of many: the first is outermost. `undefined` for none, so that an empty chain costs nothing. */
export function compose<M, R, C extends readonly unknown[]>(
  chain: readonly ((message: M, next: () => Promise<R>, ...context: C) => Promise<R>)[],
): ((message: M, next: () => Promise<R>, ...context: C) => Promise<R>) | undefined {
  if (chain.length === 0) return undefined;
  return (message, last, ...context) => {
    const step = (index: number): Promise<R> => {
      const layer = chain[index];
      if (layer === undefined) return last();
      return heard(() => layer(message, () => step(index + 1), ...context));
    };
    return step(0);
  };
}

/** What a layer throws is a rejection, and one that is heard: whoever calls `next` may forget to wait for it. */
function heard<R>(layer: () => Promise<R>): Promise<R> {
  let outcome: Promise<R>;
  try {
    const returned = layer();
    outcome = returned instanceof Promise ? returned : promised(returned);
  } catch (thrown) {
    outcome = Promise.reject(thrown);
  }
  outcome.catch(() => {});
  return outcome;
}
