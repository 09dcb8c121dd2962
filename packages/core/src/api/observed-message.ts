import type { Headers, ReceivedMessage, WireMessage } from "../spi/message.ts";
import type { Observer } from "./observer.ts";

/** The same object each time, so that an observer can tell by it which message a later call is about. */
const views = new WeakMap<ReceivedMessage, ReceivedMessage>();

/**
 * What an observer's methods are given instead of core's own: arrays, headers and bytes that it may
 * change without changing what is retried, dead-lettered or sent again. Bytes are copied when asked for.
 */
export const observedArguments: {
  readonly [Name in keyof Observer]-?: (
    ...given: Parameters<NonNullable<Observer[Name]>>
  ) => Parameters<NonNullable<Observer[Name]>>;
} = {
  published: (to, batch, errors, ms) => [to, batch.map(sentView), errors, ms],
  received: (from, batch) => [from, batch.map(receivedView)],
  handled: (from, delivery, error, ms) => [from, receivedView(delivery), error, ms],
  settled: (from, delivery, outcome, result) => [from, receivedView(delivery), outcome, result],
  keyBlocked: (from, delivery) => [from, receivedView(delivery)],
  connection: (status, cause) => [status, cause],
};

function sentView(message: WireMessage): WireMessage {
  const { publishToken, delayMs } = message;
  return withOwnBody(message, { ...common(message), publishToken, delayMs });
}

function receivedView(message: ReceivedMessage): ReceivedMessage {
  const known = views.get(message);
  if (known !== undefined) return known;
  const { redeliveries, waitMs, partition, position, native } = message;
  const view = withOwnBody(message, {
    ...common(message),
    redeliveries,
    waitMs,
    partition,
    position,
    native,
  });
  views.set(message, view);
  return view;
}

function common(message: WireMessage | ReceivedMessage) {
  const { id, contentType, key, timestamp, headers, expiresAt, replyTo, correlationId } = message;
  const own: Headers = Object.assign(Object.create(null), headers);
  return { id, contentType, key, timestamp, headers: own, expiresAt, replyTo, correlationId };
}

function withOwnBody<View extends object>(
  { body }: { readonly body: Uint8Array },
  view: View,
): View & { readonly body: Uint8Array } {
  let copy: Uint8Array | undefined;
  return Object.defineProperty(view, "body", {
    enumerable: true,
    get: () => {
      copy ??= new Uint8Array(body);
      return copy;
    },
  }) as View & { readonly body: Uint8Array };
}
