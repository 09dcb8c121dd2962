import { UnsubscribeCommand } from "@aws-sdk/client-sns";
import {
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ListQueuesCommand,
  ListQueueTagsCommand,
  TagQueueCommand,
} from "@aws-sdk/client-sqs";
import type { Call } from "@waybill/core/spi";
import type { Clients } from "../client/clients.ts";
import type { NewQueues, QueueAttributes } from "../client/new-queues.ts";
import { isAwsError } from "../errors.ts";
import { temporaryPrefix } from "../naming.ts";

/** When its client last gave a sign of life, in seconds since the epoch. */
const seenTag = "waybill-seen";
/** The subscription that feeds it, to be taken away with it. */
const subscriptionTag = "waybill-subscription";
/** Between two signs of life, in milliseconds. SQS allows five taggings a second for the whole account. */
const beatMs = 10 * 60_000;
/** Without a sign of life for so long, the client is dead. */
const deadAfterMs = 60 * 60_000;
/** The sweep waits for so many milliseconds, and leaves the first request its way. */
const sweepAfterMs = 3_000;
/** The most queues that one sweep looks at. */
const mostLookedAt = 50;

/** How long such a queue keeps what nobody takes, in seconds. */
const retentionSeconds = "3600";

/**
 * Queues that end with their client: reply paths and broadcast subscriptions. Each
 * tells by a tag that its client lives; whoever makes one takes away those whose
 * client died.
 */
export class TemporaryQueues {
  readonly #clients: Clients;
  readonly #newQueues: NewQueues;
  readonly #report: (cause: unknown) => void;
  readonly #beats = new Map<string, NodeJS.Timeout>();
  /** Those that wait to be opened once more: the tag of what is there already stays as it was. */
  readonly #resting = new Set<string>();
  #sweeping: NodeJS.Timeout | undefined;

  constructor(clients: Clients, newQueues: NewQueues, report: (cause: unknown) => void) {
    this.#clients = clients;
    this.#newQueues = newQueues;
    this.#report = report;
  }

  /** Makes it, or finds that it is there. Returns its URL. */
  async make(name: string, attributes: QueueAttributes, call: Call): Promise<string> {
    const tags = this.#seenNow();
    const url = await this.#newQueues.make(
      name,
      { MessageRetentionPeriod: retentionSeconds, ...attributes },
      tags,
      call,
    );
    this.#sweeping ??= setTimeout(() => void this.#sweep().catch((cause) => this.#tell(cause)), sweepAfterMs);
    this.#sweeping.unref();
    return url;
  }

  /** From now on it shows that its client lives. */
  keep(url: string): void {
    if (this.#resting.delete(url)) void this.#tag(url, this.#seenNow());
    const timer = setInterval(() => void this.#tag(url, this.#seenNow()), beatMs);
    timer.unref();
    this.#beats.set(url, timer);
  }

  /** Notes the subscription by which it gets its messages. */
  fedBy(url: string, subscription: string): Promise<void> {
    return this.#tag(url, { [subscriptionTag]: subscription });
  }

  /** Its client opens it once more: it stays, and shows no more signs of life until then. */
  rest(url: string): void {
    this.#stopBeating(url);
    this.#resting.add(url);
  }

  async remove(url: string, subscription: string | undefined): Promise<void> {
    this.#stopBeating(url);
    const { sns, receiving } = this.#clients;
    if (subscription !== undefined) {
      await sns
        .send(new UnsubscribeCommand({ SubscriptionArn: subscription }))
        .catch((cause) => this.#tell(cause));
    }
    await receiving.send(new DeleteQueueCommand({ QueueUrl: url })).catch((cause) => this.#tell(cause));
  }

  close(): void {
    clearTimeout(this.#sweeping);
    for (const timer of this.#beats.values()) clearInterval(timer);
    this.#beats.clear();
  }

  #stopBeating(url: string): void {
    clearInterval(this.#beats.get(url));
    this.#beats.delete(url);
  }

  async #tag(url: string, tags: Record<string, string>): Promise<void> {
    try {
      await this.#clients.receiving.send(new TagQueueCommand({ QueueUrl: url, Tags: tags }));
    } catch (cause) {
      this.#tell(cause);
    }
  }

  async #sweep(): Promise<void> {
    const { receiving } = this.#clients;
    const { QueueUrls = [] } = await receiving.send(
      new ListQueuesCommand({ QueueNamePrefix: temporaryPrefix, MaxResults: 1_000 }),
    );
    const others = QueueUrls.filter((url) => !this.#beats.has(url) && !this.#resting.has(url));
    // Any of them, so that several sweeps together come to all.
    const start = Math.floor(Math.random() * others.length);
    for (const url of [...others.slice(start), ...others.slice(0, start)].slice(0, mostLookedAt)) {
      try {
        const { Tags = {} } = await receiving.send(new ListQueueTagsCommand({ QueueUrl: url }));
        if (await this.#isDead(url, Tags[seenTag])) await this.remove(url, Tags[subscriptionTag]);
      } catch (cause) {
        this.#tell(cause);
      }
    }
  }

  async #isDead(url: string, seen: string | undefined): Promise<boolean> {
    const since = Number(seen) * 1_000;
    // Without the tag it is somebody's who used our prefix.
    if (seen === undefined || !(this.#now() - since > deadAfterMs)) return false;
    // Nor is it dead for longer than it is there: its first tag is from before AWS had answered.
    const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["CreatedTimestamp"] });
    const { Attributes } = await this.#clients.receiving.send(command);
    return this.#now() - Number(Attributes?.CreatedTimestamp) * 1_000 > deadAfterMs;
  }

  /** AWS's time, by the difference that the SDK learns from its answers: a clock that is wrong takes nobody's queue away. */
  #now(): number {
    return Date.now() + (this.#clients.receiving.config?.systemClockOffset ?? 0);
  }

  #seenNow(): Record<string, string> {
    return { [seenTag]: String(Math.floor(this.#now() / 1_000)) };
  }

  /** Somebody else took it away, or this client may not look after them: neither is news. */
  #tell(cause: unknown): void {
    if (
      isAwsError(
        cause,
        "QueueDoesNotExist",
        "NonExistentQueue",
        "NotFound",
        "AccessDenied",
        "AuthorizationError",
      )
    )
      return;
    this.#report(cause);
  }
}
