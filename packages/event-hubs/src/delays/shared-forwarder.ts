import { SharedDelayForwarder } from "@waybill/core/spi";
import { isMissing } from "../errors.ts";
import type { EventHubsPublisher } from "../publisher.ts";
import type { ConsumerContext } from "../receiving/consumer-context.ts";
import { EventHubsDelayForwarder } from "./delay-forwarder.ts";

/** When to look again, where a forwarder has ended or there is nothing to forward yet. */
const lookAgain = { firstMs: 2_000, maxMs: 2_000 };

/** The forwarder of a connection, which its consumers share. Without a checkpoint store nobody can be a forwarder. */
export function sharedForwarder(
  context: ConsumerContext,
  publisher: EventHubsPublisher,
): SharedDelayForwarder<readonly string[]> | undefined {
  const { amqp, store, settings, report, signal } = context;
  if (store === undefined) return undefined;
  return new SharedDelayForwarder<readonly string[]>({
    // Hubs that others made may come without a delay hub; as soon as it is there messages may wait in it.
    find: async () => {
      try {
        return (await amqp.hub(settings.delayHub)).partitionIds;
      } catch (cause) {
        if (isMissing(cause)) return undefined;
        throw cause;
      }
    },
    start: (tiers, onEnd) => new EventHubsDelayForwarder(context, { store, publisher, tiers, onEnd }),
    lookAgain,
    report,
    signal,
  });
}
