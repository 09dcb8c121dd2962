import { bytes } from "../api/codec.ts";
import type { QueueContract } from "../api/contract.ts";
import type { ConsumerRef, DeadLetterInfo } from "../api/redrive.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { Headers } from "../spi/message.ts";
import { checkPortableName, derivedSeparator } from "../spi/naming.ts";

/**
 * The queue that holds the dead-lettered messages of a queue or of a topic's group, to be
 * consumed like any other; bodies come as the bytes that failed.
 */
export function deadLetterOf(from: ConsumerRef): QueueContract<Uint8Array> {
  const parts = readable("The arguments of `deadLetterOf`", () => {
    checkConsumerRef(from);
    return "queue" in from ? [from.queue.name, "dead"] : [from.topic.name, from.group, "dead"];
  });
  return Object.freeze({
    kind: "queue",
    name: parts.join(derivedSeparator),
    ordered: false,
    retained: false,
    key: undefined,
    schema: undefined,
    codec: bytes,
    reply: undefined,
  }) as QueueContract<Uint8Array>;
}

/** @throws MessagingError `INVALID_ARGUMENT` when it names neither a queue nor a topic's group; `INVALID_NAME` for a group that cannot be one */
export function checkConsumerRef(from: unknown): asserts from is ConsumerRef {
  const { queue, topic, group } = (from ?? {}) as Readonly<
    Record<string, { readonly name?: unknown } | null>
  >;
  if (typeof queue?.name === "string") return;
  if (typeof topic?.name === "string" && typeof group === "string") return checkPortableName(group, "group");
  throw new MessagingError(
    "INVALID_ARGUMENT",
    "The reference names neither a queue nor a group of a topic.",
    {
      remedy: "Pass `{ queue }`, or `{ topic, group }`.",
    },
  );
}

/** What the headers say of why a message was dead-lettered; `undefined` when it is none. */
export function deadLetterDetails(deadLettered: {
  readonly id: string;
  readonly headers: Headers;
}): DeadLetterInfo | undefined {
  return readable("The arguments of `deadLetterDetails`", () => detailsOf(deadLettered));
}

function detailsOf(deadLettered: {
  readonly id: string;
  readonly headers: Headers;
}): DeadLetterInfo | undefined {
  const headers: Headers | undefined = deadLettered?.headers;
  if (typeof headers !== "object" || headers === null) {
    throw new MessagingError("INVALID_ARGUMENT", "`deadLetterDetails` takes a delivery.", {
      remedy: "Pass what the handler of a dead-letter queue got.",
    });
  }
  const source = headers[deadLetterHeaders.source];
  if (source === undefined) return undefined;
  const numberIn = (name: string) => Number(headers[name] ?? "0") || 0;
  return {
    id: deadLettered.id,
    source,
    group: headers[deadLetterHeaders.group],
    attempts: numberIn(deadLetterHeaders.attempts),
    firstFailedAt: numberIn(deadLetterHeaders.firstFailedAt),
    lastFailedAt: numberIn(deadLetterHeaders.lastFailedAt),
    errorCode: headers[deadLetterHeaders.errorCode] ?? "",
    errorMessage: headers[deadLetterHeaders.errorMessage] ?? "",
    headers,
  };
}
