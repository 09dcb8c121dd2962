import kafkajs from "kafkajs";
import { body, type Contestant, freshName, Span } from "../contestant.ts";

/** kafkajs by hand: acks from all replicas, batched sends, manual commits of whole batches. */
export async function raw(url: string): Promise<Contestant> {
  const kafka = new kafkajs.Kafka({
    brokers: [new URL(url).host],
    clientId: "bench",
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const admin = kafka.admin();
  const producer = kafka.producer({ maxInFlightRequests: 1, allowAutoTopicCreation: false });
  await Promise.all([admin.connect(), producer.connect()]);
  const topic = freshName();
  await admin.createTopics({ topics: [{ topic, numPartitions: 6 }], waitForLeaders: true });
  const value = Buffer.from(body);
  const send = (count: number) =>
    producer.send({ topic, acks: -1, messages: Array.from({ length: count }, () => ({ value })) });

  return {
    async publishOneByOne(count) {
      for (let i = 0; i < count; i++) await send(1);
    },
    async publishOutstanding(count, outstanding) {
      for (let left = count; left > 0; left -= outstanding) await send(Math.min(left, outstanding));
    },
    async consume(count) {
      const span = new Span(count);
      const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 500, minBytes: 1 });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 6,
        eachBatch: async ({ batch, resolveOffset }) => {
          for (const message of batch.messages) {
            span.seen();
            resolveOffset(message.offset);
          }
          const last = batch.messages.at(-1);
          if (last === undefined) return;
          const offset = String(BigInt(last.offset) + 1n);
          await consumer.commitOffsets([{ topic, partition: batch.partition, offset }]);
        },
      });
      const ms = await span.done;
      await consumer.disconnect();
      return ms;
    },
    async close() {
      await admin.deleteTopics({ topics: [topic] });
      await Promise.all([admin.disconnect(), producer.disconnect()]);
    },
  };
}
