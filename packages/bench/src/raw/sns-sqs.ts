import {
  CreateTopicCommand,
  DeleteTopicCommand,
  PublishBatchCommand,
  PublishCommand,
  SNSClient,
  SubscribeCommand,
} from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { body, type Contestant, freshName, Span } from "../contestant.ts";

/** The most messages in one call, by AWS's own limit. */
const batch = 10;
/** Calls at a time; the SDK's sockets are fifty. */
const calls = 50;
const polls = 10;

/** The AWS SDK by hand: calls of ten messages, fifty at a time; ten long polls, deletes of ten. */
export async function raw(url: string): Promise<Contestant> {
  const { hostname: region, username, password, searchParams } = new URL(url);
  const endpoint = searchParams.get("endpoint");
  const credentials = username === "" ? {} : { credentials: keysOf(username, password) };
  const options = { region, ...credentials, ...(endpoint === null ? {} : { endpoint }) };
  const sns = new SNSClient(options);
  // Long polls would take the sockets that sends need.
  const sqs = new SQSClient(options);
  const name = freshName();
  const { TopicArn = "" } = await sns.send(new CreateTopicCommand({ Name: name }));
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }),
  );
  await sns.send(
    new SubscribeCommand({
      TopicArn,
      Protocol: "sqs",
      Endpoint: Attributes?.QueueArn,
      Attributes: { RawMessageDelivery: "true" },
    }),
  );
  // Bodies are characters, so bytes travel as base64.
  const encode = () => Buffer.from(body).toString("base64");

  return {
    async publishOneByOne(count) {
      for (let i = 0; i < count; i++) await sns.send(new PublishCommand({ TopicArn, Message: encode() }));
    },
    async publishOutstanding(count) {
      let left = count;
      const sender = async () => {
        while (left > 0) {
          const size = Math.min(left, batch);
          left -= size;
          const entries = Array.from({ length: size }, (_, i) => ({ Id: String(i), Message: encode() }));
          const { Failed = [] } = await sns.send(
            new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries: entries }),
          );
          if (Failed.length > 0) throw new Error(Failed[0]?.Message);
        }
      };
      await Promise.all(Array.from({ length: calls }, sender));
    },
    async consume(count) {
      const span = new Span(count);
      let left = count;
      const deletes: Promise<unknown>[] = [];
      const poller = async () => {
        while (left > 0) {
          const { Messages = [] } = await sqs.send(
            new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: batch, WaitTimeSeconds: 1 }),
          );
          if (Messages.length === 0) continue;
          left -= Messages.length;
          for (const { Body = "" } of Messages) {
            Buffer.from(Body, "base64");
            span.seen();
          }
          const Entries = Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
          deletes.push(sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries })));
        }
      };
      await Promise.all(Array.from({ length: polls }, poller));
      await Promise.all(deletes);
      return span.done;
    },
    async close() {
      await sns.send(new DeleteTopicCommand({ TopicArn }));
      await sqs.send(new DeleteQueueCommand({ QueueUrl }));
      sns.destroy();
      sqs.destroy();
    },
  };
}

function keysOf(username: string, password: string) {
  return { accessKeyId: decodeURIComponent(username), secretAccessKey: decodeURIComponent(password) };
}
