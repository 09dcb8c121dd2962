import amqplib from "amqplib";
import { body, type Contestant, freshName, Span } from "../contestant.ts";

const prefetch = 2_000;
const ackEvery = 100;

/** amqplib by hand: a confirm channel with a callback per message, a quorum queue, acks of many at once. */
export async function raw(url: string): Promise<Contestant> {
  const connection = await amqplib.connect(url);
  const channel = await connection.createConfirmChannel();
  const name = freshName();
  await channel.assertExchange(name, "fanout", { durable: true });
  await channel.assertQueue(name, { durable: true, arguments: { "x-queue-type": "quorum" } });
  await channel.bindQueue(name, name, "");
  const content = Buffer.from(body);
  const options = { persistent: true, mandatory: true };

  const publishWindow = (count: number, outstanding: number) =>
    new Promise<void>((resolve, reject) => {
      let sent = 0;
      let confirmed = 0;
      const onConfirm = (error: unknown) => {
        if (error) return reject(error);
        if (++confirmed === count) return resolve();
        if (sent < count) publishOne();
      };
      const publishOne = () => {
        sent++;
        channel.publish(name, "", content, options, onConfirm);
      };
      while (sent < Math.min(count, outstanding)) publishOne();
    });

  return {
    publishOneByOne: (count) => publishWindow(count, 1),
    publishOutstanding: publishWindow,
    async consume(count) {
      const span = new Span(count);
      const consuming = await connection.createChannel();
      await consuming.prefetch(prefetch);
      let seen = 0;
      const { consumerTag } = await consuming.consume(name, (message) => {
        if (message === null) return;
        span.seen();
        if (++seen % ackEvery === 0 || seen === count) consuming.ack(message, true);
      });
      const ms = await span.done;
      await consuming.cancel(consumerTag);
      await consuming.close();
      return ms;
    },
    async close() {
      await channel.deleteQueue(name);
      await channel.deleteExchange(name);
      await connection.close();
    },
  };
}
