import { type DelayStore, type PublishOutcome, stored } from "@waybill/core/spi";
import { encodeMessage } from "../client/message-encoding.ts";
import type { AmqpMessage } from "../mapping.ts";
import type { EventHubsPublisher } from "../publisher.ts";
import { forNextPlace, keptWaiting, keyOf, released } from "./delayed-events.ts";

/** What others have put into the delay hub cannot be written again. */
export class UnwritableMessageError extends Error {
  override readonly name = "UnwritableMessageError";

  constructor(cause: unknown) {
    super("A message in the delay hub holds values that cannot be written again, and is given up.", {
      cause,
    });
  }
}

interface Encoded {
  readonly payload: Buffer;
  readonly key: string | undefined;
}

/** Stores messages that leave a tier of the delay hub, whose partitions are the tiers from the lowest to the highest. */
export function delayStore(
  publisher: EventHubsPublisher,
  hub: string,
  tiers: readonly string[],
): DelayStore<AmqpMessage> {
  return {
    deliver: (destination, messages) =>
      storeEncoded(messages.map(released), (encoded) => publisher.deliver(destination, encoded)),
    keep: (tier, messages) =>
      storeEncoded(messages.map(keptWaiting), (encoded) =>
        publisher.storeAt(
          hub,
          tiers[tier] as string,
          encoded.map(({ payload }) => payload),
        ),
      ),
  };
}

/** One outcome each, in order; one that cannot be encoded takes nothing along. */
async function storeEncoded(
  messages: readonly AmqpMessage[],
  store: (encoded: readonly Encoded[]) => Promise<readonly PublishOutcome[]>,
): Promise<readonly PublishOutcome[]> {
  const outcomes = new Array<PublishOutcome>(messages.length).fill(stored);
  const encoded: Encoded[] = [];
  const indexes: number[] = [];
  for (const [index, message] of messages.entries()) {
    try {
      encoded.push({ payload: encodeMessage(forNextPlace(message)), key: keyOf(message) });
      indexes.push(index);
    } catch (cause) {
      outcomes[index] = { ok: false, cause: new UnwritableMessageError(cause) };
    }
  }
  if (encoded.length === 0) return outcomes;
  for (const [i, outcome] of (await store(encoded)).entries()) outcomes[indexes[i] as number] = outcome;
  return outcomes;
}
