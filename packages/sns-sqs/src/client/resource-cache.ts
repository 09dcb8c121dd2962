import { GetTopicAttributesCommand, ListTopicsCommand } from "@aws-sdk/client-sns";
import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { type Address, type Call, MessagingError } from "@waybill/core/spi";
import { isAwsError } from "../errors.ts";
import { queueName, topicName } from "../naming.ts";
import type { Clients } from "./clients.ts";

/** So many queue URLs are kept, and so many topic ARNs: reply paths come and go, and names may be made up. */
const mostKept = 10_000;

/**
 * For so long, in milliseconds, SQS may answer for a queue that was removed, and lose what it confirms there:
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html
 */
const removalMs = 60_000;

/** Where things are: queue URLs and topic ARNs by name, each looked up once until it turns out to be gone. */
export class ResourceCache {
  readonly #clients: Clients;
  readonly #queues = new Map<string, string>();
  readonly #topics = new Map<string, string>();
  /** Queues that were removed here, and until when (by `performance.now`) SQS may not know of it. */
  readonly #removed = new Map<string, number>();
  readonly #removalMs: number;
  /** What every ARN of this account and region begins with but for the service: `arn:aws`, `eu-central-1:123456789012`. */
  #partition: string | undefined;
  #owner: string | undefined;
  readonly #accountId: string | undefined;

  /** @param atOnce An emulator's queues are gone when they were removed. */
  constructor(clients: Clients, accountId: string | undefined, atOnce: boolean) {
    this.#clients = clients;
    this.#accountId = accountId;
    this.#removalMs = atOnce ? 0 : removalMs;
  }

  /** @throws MessagingError `NOT_FOUND` */
  async queueUrl(address: Address, call: Call): Promise<string> {
    const url = await this.findQueue(queueName(address), call);
    if (url === undefined) throw missing(address);
    return url;
  }

  async findQueue(name: string, { signal }: Call): Promise<string | undefined> {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    if (performance.now() < (this.#removed.get(name) ?? 0)) return undefined;
    try {
      const command = new GetQueueUrlCommand({ QueueName: name });
      const { QueueUrl } = await this.#clients.receiving.send(command, { abortSignal: signal });
      if (QueueUrl !== undefined) this.rememberQueue(name, QueueUrl);
      return QueueUrl;
    } catch (cause) {
      if (isAwsError(cause, "QueueDoesNotExist", "NonExistentQueue")) return undefined;
      throw cause;
    }
  }

  /** Asks AWS, whatever was known, but for what was removed just now. */
  lookForQueue(name: string, call: Call): Promise<string | undefined> {
    this.#queues.delete(name);
    return this.findQueue(name, call);
  }

  forgetQueue(name: string): void {
    this.#queues.delete(name);
  }

  /** Until somebody makes it anew, it is gone, also where SQS still says otherwise. */
  noteRemoval(name: string): void {
    const now = performance.now();
    for (const [other, until] of this.#removed) if (until <= now) this.#removed.delete(other);
    this.#queues.delete(name);
    this.#removed.set(name, now + this.#removalMs);
  }

  rememberQueue(name: string, url: string): void {
    this.#removed.delete(name);
    keep(this.#queues, name, url);
  }

  /** @throws MessagingError `NOT_FOUND` */
  async topicArn(address: Address, call: Call): Promise<string> {
    const arn = await this.findTopic(topicName(address), call);
    if (arn === undefined) throw missing(address);
    return arn;
  }

  async findTopic(name: string, call: Call): Promise<string | undefined> {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    await this.#learnOwner(call);
    if (this.#owner === undefined) return this.#topics.get(name);
    const arn = `${this.#partition}:sns:${this.#owner}:${name}`;
    try {
      const command = new GetTopicAttributesCommand({ TopicArn: arn });
      await this.#clients.sns.send(command, { abortSignal: call.signal });
    } catch (cause) {
      if (isAwsError(cause, "NotFound")) return undefined;
      throw cause;
    }
    keep(this.#topics, name, arn);
    return arn;
  }

  /** Asks AWS, whatever was known. */
  lookForTopic(name: string, call: Call): Promise<string | undefined> {
    this.#topics.delete(name);
    return this.findTopic(name, call);
  }

  rememberTopic(name: string, arn: string): void {
    keep(this.#topics, name, arn);
    const [scheme, partition, , region, account] = arn.split(":");
    this.#partition = `${scheme}:${partition}`;
    this.#owner = `${region}:${account}`;
  }

  /** The ARN that a queue of this account has; a topic of it must be known. */
  queueArn(name: string): string {
    return `${this.#partition}:sqs:${this.#owner}:${name}`;
  }

  forget(address: Address): void {
    if (address.kind === "topic") this.#topics.delete(topicName(address));
    else this.#queues.delete(queueName(address));
  }

  /** Whose topics these are: what the user says, what the credentials tell, or whose topics there are. */
  async #learnOwner({ signal }: Call): Promise<void> {
    if (this.#owner !== undefined) return;
    const { sns } = this.#clients;
    const account = this.#accountId ?? (await sns.config.credentials()).accountId;
    if (account !== undefined) {
      const region = await sns.config.region();
      this.#partition = `arn:${partitionOf(region)}`;
      this.#owner = `${region}:${account}`;
      return;
    }
    const { Topics = [] } = await sns.send(new ListTopicsCommand({}), { abortSignal: signal });
    const arn = Topics[0]?.TopicArn;
    if (arn !== undefined) this.rememberTopic(arn.slice(arn.lastIndexOf(":") + 1), arn);
  }
}

/** The oldest goes where there is no room. */
function keep(known: Map<string, string>, name: string, value: string): void {
  if (known.size >= mostKept && !known.has(name)) known.delete(known.keys().next().value as string);
  known.set(name, value);
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

function missing({ kind, name, group, ...address }: Address): MessagingError {
  const what = kind === "group" ? `group "${group}" of "${name}"` : `${kind} "${name}"`;
  const brokerName =
    kind === "topic"
      ? topicName({ kind, name, group, ...address })
      : queueName({ kind, name, group, ...address });
  return new MessagingError("NOT_FOUND", `There is no ${what} in this AWS account and region.`, {
    remedy: 'Create it, or connect with `topology: "create"`.',
    details: { brokerName },
  });
}
