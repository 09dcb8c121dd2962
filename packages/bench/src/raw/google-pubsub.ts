import { PubSub } from "@google-cloud/pubsub";
import { body, type Contestant, freshName, Span } from "../contestant.ts";

/** Google's client by hand: batches of up to a thousand, five streams, acks in batches. */
export async function raw(url: string): Promise<Contestant> {
  const { hostname: projectId, searchParams } = new URL(url);
  const apiEndpoint = searchParams.get("emulatorHost");
  const pubsub = new PubSub({
    projectId,
    ...(apiEndpoint === null ? {} : { apiEndpoint, emulatorMode: true }),
  });
  const name = freshName();
  const [topic] = await pubsub.createTopic(name);
  const [subscription] = await topic.createSubscription(name);
  const alone = pubsub.topic(name, { batching: { maxMessages: 1 } });
  const batched = pubsub.topic(name, {
    batching: { maxMessages: 1_000, maxMilliseconds: 5, maxBytes: 1_000_000 },
  });
  const data = Buffer.from(body);

  return {
    async publishOneByOne(count) {
      for (let i = 0; i < count; i++) await alone.publishMessage({ data });
    },
    async publishOutstanding(count, outstanding) {
      let left = count;
      const publisher = async () => {
        while (left-- > 0) await batched.publishMessage({ data });
      };
      await Promise.all(Array.from({ length: outstanding }, publisher));
    },
    async consume(count) {
      const span = new Span(count);
      subscription.setOptions({
        flowControl: { maxMessages: 2_000, allowExcessMessages: false },
        streamingOptions: { maxStreams: 5 },
      });
      subscription.on("message", (message) => {
        span.seen();
        message.ack();
      });
      const ms = await span.done;
      await subscription.close();
      return ms;
    },
    async close() {
      await subscription.delete();
      await topic.delete();
      await pubsub.close();
    },
  };
}
