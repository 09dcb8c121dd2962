import {
  GetTopicAttributesCommand,
  ListTopicsCommand,
  PublishCommand,
  SNSClient,
  SubscribeCommand,
} from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type {
  ConformanceTarget,
  Endpoint,
  ExternalClient,
  ExternalListener,
  ExternalMessage,
} from "@waybill/conformance";
import type { Address } from "@waybill/core/spi";
import { adapter } from "./index.ts";
import { queueName, topicName } from "./naming.ts";

const shortLeaseMs = 2_000;
const encoding = "content-transfer-encoding";

/**
 * What a suite needs to prove this adapter, on AWS (`aws://eu-central-1`) or on a
 * emulator (`aws://…?endpoint=…`). `extras`: what only the caller has, such as power
 * over the emulator's process.
 */
export function target(url: string, extras: Partial<ConformanceTarget> = {}): ConformanceTarget {
  const endpoint = new URL(url).searchParams.get("endpoint");
  // Short polls, since the suite opens and closes hundreds of consumers.
  const driver = (through?: Endpoint, query: Record<string, string> = {}) =>
    adapter.fromUrl(variant(url, { waitSeconds: "1", leaseMs: "6000", ...query }, through), process.env);
  return {
    adapter: "sns-sqs",
    // Behind a proxy, silence is part of the test and should be noticed soon.
    driver: (through) => driver(through, through === undefined ? {} : { responseTimeoutMs: "3000" }),
    ...(endpoint === null ? {} : { endpoint: endpointOf(endpoint) }),
    externalClient: async () => new AwsPeer(url),
    shortLease: {
      ms: shortLeaseMs,
      driver: (through) => driver(through, { leaseMs: String(shortLeaseMs) }),
    },
    url: {
      href: variant(url, { waitSeconds: "1", leaseMs: String(shortLeaseMs) }),
      module: new URL(import.meta.url.endsWith(".ts") ? "./index.ts" : "./index.js", import.meta.url).href,
    },
    ...extras,
  };
}

function endpointOf(text: string): Endpoint {
  const { hostname, port, protocol } = new URL(text);
  return { host: hostname, port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) };
}

function variant(url: string, query: Readonly<Record<string, string>>, through?: Endpoint): string {
  const changed = new URL(url);
  for (const [name, value] of Object.entries(query)) changed.searchParams.set(name, value);
  if (through !== undefined) changed.searchParams.set("endpoint", `http://${through.host}:${through.port}`);
  return changed.href;
}

/** The SDK alone. Like any program that does not know Waybill, it reads and writes binary bodies as base64. */
class AwsPeer implements ExternalClient {
  readonly #sqs: SQSClient;
  readonly #sns: SNSClient;

  constructor(text: string) {
    const { hostname: region, username, password, searchParams } = new URL(text);
    const endpoint = searchParams.get("endpoint");
    const configuration = {
      region,
      ...(endpoint === null ? {} : { endpoint }),
      ...(username === ""
        ? {}
        : {
            credentials: {
              accessKeyId: decodeURIComponent(username),
              secretAccessKey: decodeURIComponent(password),
            },
          }),
    };
    this.#sqs = new SQSClient(configuration);
    this.#sns = new SNSClient(configuration);
  }

  async publish(to: Address, { body, headers, key }: ExternalMessage): Promise<void> {
    const text = Buffer.from(body).toString();
    const plain = Buffer.from(text).equals(Buffer.from(body)) && !text.includes("\0");
    const MessageAttributes = Object.fromEntries(
      Object.entries(plain ? headers : { ...headers, [encoding]: "base64" }).map(([name, value]) => [
        name,
        { DataType: "String", StringValue: value },
      ]),
    );
    const content = plain ? text : Buffer.from(body).toString("base64");
    const fifo = to.ordered
      ? { MessageGroupId: key ?? "none", MessageDeduplicationId: crypto.randomUUID() }
      : {};
    if (to.kind === "topic") {
      const TopicArn = await this.#topicArn(to);
      await this.#sns.send(new PublishCommand({ TopicArn, Message: content, MessageAttributes, ...fifo }));
    } else {
      const { QueueUrl } = await this.#sqs.send(new GetQueueUrlCommand({ QueueName: queueName(to) }));
      await this.#sqs.send(
        new SendMessageCommand({ QueueUrl, MessageBody: content, MessageAttributes, ...fifo }),
      );
    }
  }

  async listen(from: Address): Promise<ExternalListener> {
    if (from.kind !== "topic") {
      const { QueueUrl = "" } = await this.#sqs.send(new GetQueueUrlCommand({ QueueName: queueName(from) }));
      return new AwsPeerListener(this.#sqs, QueueUrl, false);
    }
    const TopicArn = await this.#topicArn(from);
    const { QueueUrl = "" } = await this.#sqs.send(
      new CreateQueueCommand({
        QueueName: `external-${crypto.randomUUID()}${from.ordered ? ".fifo" : ""}`,
        ...(from.ordered ? { Attributes: { FifoQueue: "true" } } : {}),
      }),
    );
    const { Attributes } = await this.#sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }),
    );
    const Endpoint = Attributes?.QueueArn;
    await this.#sns.send(
      new SubscribeCommand({
        TopicArn,
        Protocol: "sqs",
        Endpoint,
        Attributes: { RawMessageDelivery: "true" },
      }),
    );
    return new AwsPeerListener(this.#sqs, QueueUrl, true);
  }

  async close(): Promise<void> {
    this.#sqs.destroy();
    this.#sns.destroy();
  }

  async #topicArn(topic: Address): Promise<string> {
    let NextToken: string | undefined;
    do {
      const page = await this.#sns.send(new ListTopicsCommand(NextToken === undefined ? {} : { NextToken }));
      for (const { TopicArn = "" } of page.Topics ?? []) {
        const arn = TopicArn.slice(0, TopicArn.lastIndexOf(":") + 1) + topicName(topic);
        await this.#sns.send(new GetTopicAttributesCommand({ TopicArn: arn }));
        return arn;
      }
      NextToken = page.NextToken;
    } while (NextToken !== undefined && NextToken !== "");
    throw new Error(`There is no topic ${topicName(topic)}.`);
  }
}

class AwsPeerListener implements ExternalListener {
  readonly #sqs: SQSClient;
  readonly #url: string;
  readonly #temporary: boolean;

  constructor(sqs: SQSClient, url: string, temporary: boolean) {
    this.#sqs = sqs;
    this.#url = url;
    this.#temporary = temporary;
  }

  async next(): Promise<ExternalMessage> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#url,
      WaitTimeSeconds: 10,
      MessageAttributeNames: ["All"],
      MessageSystemAttributeNames: ["MessageGroupId"],
    });
    const message = (await this.#sqs.send(command)).Messages?.[0];
    if (message === undefined) throw new Error("No message came within ten seconds.");
    const { ReceiptHandle } = message;
    await this.#sqs.send(new DeleteMessageCommand({ QueueUrl: this.#url, ReceiptHandle }));
    return externalMessage(message);
  }

  async close(): Promise<void> {
    if (this.#temporary) await this.#sqs.send(new DeleteQueueCommand({ QueueUrl: this.#url }));
  }
}

function externalMessage({ Body = "", MessageAttributes = {}, Attributes }: Message): ExternalMessage {
  const headers = Object.fromEntries(
    Object.entries(MessageAttributes).map(([name, { StringValue = "" }]) => [name, StringValue]),
  );
  const key = Attributes?.MessageGroupId;
  const body = Buffer.from(Body, headers[encoding] === "base64" ? "base64" : "utf8");
  return { body, headers, ...(key === undefined ? {} : { key }) };
}
