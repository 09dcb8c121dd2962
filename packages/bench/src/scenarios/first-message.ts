import { bytes, connect, type Subscription, topic } from "@waybill/core";
import { body, freshName } from "../contestant.ts";
import { perSecond, type Scenario, type Side } from "../scenario.ts";

/** Where every topic costs the broker something and five hundred of them are common. */
const brokers = ["memory", "rabbitmq", "redis"];
const topicCount = 500;

/** The first message to each of many topics that the same client has subscribed to, against the second. */
export const firstMessage: Scenario = {
  name: "first : second, 500 topics",
  unit: "/s",
  sides: ({ adapter }) =>
    brokers.includes(adapter) ? { ours: publishesToEach(1), against: publishesToEach(2) } : undefined,
};

/** Measures the given round of one message to each topic. */
function publishesToEach(round: number): Side {
  return async (url) => {
    const client = await connect(url);
    const contracts = Array.from({ length: topicCount }, () =>
      topic<Uint8Array>(freshName(), { codec: bytes }),
    );
    const publishes = () => Promise.all(contracts.map((contract) => client.publish(contract, body)));
    const subscriptions: Subscription[] = [];
    try {
      for (const contract of contracts)
        subscriptions.push(await client.subscribe(contract, { group: "bench" }, () => {}));
      for (let before = 1; before < round; before++) await publishes();
      return await perSecond(topicCount, publishes);
    } finally {
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
      await client.topology.remove(
        ...contracts.flatMap((contract) => [{ topic: contract, group: "bench" }, contract]),
      );
      await client.close();
    }
  };
}
