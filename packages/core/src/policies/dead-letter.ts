import { bytes } from "../api/codec.ts";
import type { QueueContract } from "../api/contract.ts";
import type { ConsumerRef, DeadLetterInfo } from "../api/redrive.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { Headers } from "../spi/message.ts";
import { derivedSeparator } from "../spi/naming.ts";

/**
 * The queue that holds the dead letters of a queue or of a topic's group, to be
 * consumed like any other; bodies come as the bytes that failed.
 */
export function deadLetterOf(from: ConsumerRef): QueueContract<Uint8Array> {
  const parts = "queue" in from ? [from.queue.name, "dead"] : [from.topic.name, from.group, "dead"];
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

/** What the headers say of why a message is a dead letter; `undefined` when it is none. */
export function deadLetterDetails(letter: {
  readonly id: string;
  readonly headers: Headers;
}): DeadLetterInfo | undefined {
  const { headers } = letter;
  const source = headers[deadLetterHeaders.source];
  if (source === undefined) return undefined;
  const numberIn = (name: string) => Number(headers[name] ?? "0") || 0;
  return {
    id: letter.id,
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
