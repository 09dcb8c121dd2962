import { bytes, connect, type Subscription, topic } from "@waybill/core";
import { body, freshName } from "../contestant.ts";
import { perSecond, type Scenario, type Side } from "../scenario.ts";

/** Five hundred topics are common; where the local broker takes a second or so to make and remove a few, fewer. */
const topicCounts: Readonly<Record<string, number>> = {
  kafka: 20,
  "sns-sqs": 50,
  "google-pubsub": 100,
  "event-hubs": 20,
};
const commonCount = 500;
/** So many subscriptions begin or end at a time. */
const atOnce = 10;

/**
 * The first message to each of many topics that the same client has subscribed to, against the
 * second. On RabbitMQ the broker itself is slower with the first: a quorum queue registers each
 * channel that publishes to it.
 */
export const firstMessage: Scenario = {
  name: "first : second to topics",
  unit: "/s",
  sides: ({ adapter }) => {
    const count = topicCounts[adapter] ?? commonCount;
    return { ours: publishesToEach(count, 1), against: publishesToEach(count, 2) };
  },
};

/** Measures the given round of one message to each topic. */
function publishesToEach(count: number, round: number): Side {
  return async (url) => {
    const client = await connect(url);
    const contracts = Array.from({ length: count }, () => topic<Uint8Array>(freshName(), { codec: bytes }));
    const warm = topic<Uint8Array>(freshName(), { codec: bytes });
    const publishes = () => Promise.all(contracts.map((contract) => client.publish(contract, body)));
    const subscriptions: Subscription[] = [];
    try {
      // A connection that opens for the first publish at all is not what is measured.
      await client.publish(warm, body);
      await inTurns(contracts, async (contract) => {
        subscriptions.push(await client.subscribe(contract, { group: "bench" }, () => {}));
      });
      for (let before = 1; before < round; before++) await publishes();
      return await perSecond(count, publishes);
    } finally {
      await inTurns(subscriptions, (subscription) => subscription.close());
      const subjects = contracts.flatMap((contract) => [{ topic: contract, group: "bench" }, contract]);
      await client.topology.remove(...subjects, warm);
      await client.close();
    }
  };
}

async function inTurns<T>(all: readonly T[], each: (one: T) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < all.length; from += atOnce)
    await Promise.all(all.slice(from, from + atOnce).map(each));
}
