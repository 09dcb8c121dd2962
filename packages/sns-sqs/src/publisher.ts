import { PublishBatchCommand, type PublishBatchRequestEntry } from "@aws-sdk/client-sns";
import { SendMessageBatchCommand, type SendMessageBatchRequestEntry } from "@aws-sdk/client-sqs";
import {
  type Address,
  type Call,
  MessagingError,
  type PublishOutcome,
  stored,
  type WireMessage,
} from "@waybill/core/spi";
import { failuresIn, mostEntries, packed, sqsRequestBytes } from "./client/batches.ts";
import type { Clients } from "./client/clients.ts";
import { messageGroup } from "./client/message-group.ts";
import type { ResourceCache } from "./client/resource-cache.ts";
import { isAwsError } from "./errors.ts";
import { type Encoded, encode } from "./mapping.ts";

/** The longest delay of SQS itself, in seconds. */
export const longestDelay = 900;
/** The most requests that one ordered call has under way. */
const parallelGroups = 10;

interface OutgoingEntry {
  readonly index: number;
  readonly message: WireMessage;
  readonly encoded: Encoded;
}

/** Where entries go: one request each call. A rejection means that all of them failed. */
interface Channel {
  readonly requestBytes: number;
  send(entries: readonly OutgoingEntry[]): Promise<readonly PublishOutcome[]>;
}

/** Packs messages into requests, and tells of each what became of it. */
export class SnsSqsPublisher {
  readonly #clients: Clients;
  readonly #resources: ResourceCache;
  readonly #messageBytes: number;

  constructor(clients: Clients, resources: ResourceCache, messageBytes: number) {
    this.#clients = clients;
    this.#resources = resources;
    this.#messageBytes = messageBytes;
  }

  async publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    const outcomes: PublishOutcome[] = Array.from({ length: batch.length });
    const channel = await this.#channel(to, call);
    const entries = this.#encode(to, batch, outcomes);
    if (to.ordered) await inOrder(channel, entries, outcomes);
    else await atOnce(channel, entries, outcomes);
    const gone = (outcome: PublishOutcome) =>
      !outcome.ok && isAwsError(outcome.cause, "QueueDoesNotExist", "NonExistentQueue", "NotFound");
    if (outcomes.some(gone)) this.#resources.forget(to);
    return outcomes;
  }

  #encode(to: Address, batch: readonly WireMessage[], outcomes: PublishOutcome[]): readonly OutgoingEntry[] {
    const entries: OutgoingEntry[] = [];
    for (let index = 0; index < batch.length; index++) {
      const message = batch[index] as WireMessage;
      const { delayMs } = message;
      // SNS has no delay, and SQS none beyond a quarter of an hour: the consumer's side waits for the rest.
      const beyond = delayMs > (to.kind === "topic" ? 0 : longestDelay * 1_000);
      const encoded = encode(message, beyond ? delayMs : undefined);
      if (encoded.bytes <= this.#messageBytes) entries.push({ index, message, encoded });
      else outcomes[index] = { ok: false, cause: tooLarge(to, encoded.bytes, this.#messageBytes) };
    }
    return entries;
  }

  async #channel(to: Address, call: Call): Promise<Channel> {
    const { sns, sqs } = this.#clients;
    const options = { abortSignal: call.signal };
    if (to.kind === "topic") {
      const TopicArn = await this.#resources.topicArn(to, call);
      return {
        requestBytes: this.#messageBytes,
        send: async (entries) => {
          const PublishBatchRequestEntries = entries.map((entry, place) => snsEntry(to, entry, place));
          const command = new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries });
          return outcomesOf(failuresIn(await sns.send(command, options), entries.length));
        },
      };
    }
    const QueueUrl = await this.#resources.queueUrl(to, call);
    return {
      requestBytes: sqsRequestBytes,
      send: async (entries) => {
        const Entries = entries.map((entry, place) => sqsEntry(to, entry, place));
        const command = new SendMessageBatchCommand({ QueueUrl, Entries });
        return outcomesOf(failuresIn(await sqs.send(command, options), entries.length));
      },
    };
  }
}

/** Where nothing keeps order, all requests leave together. */
async function atOnce(
  channel: Channel,
  entries: readonly OutgoingEntry[],
  outcomes: PublishOutcome[],
): Promise<void> {
  const requests = packed(entries, ({ encoded }) => encoded.bytes, channel.requestBytes);
  await Promise.all(requests.map((request) => deliver(channel, request, outcomes)));
}

/**
 * One message of each group in a request, and the group's next only when that is
 * stored: within one request AWS may refuse an entry and take a later one of its group,
 * which would then have overtaken it. What follows a failed one is not sent.
 */
async function inOrder(
  channel: Channel,
  entries: readonly OutgoingEntry[],
  outcomes: PublishOutcome[],
): Promise<void> {
  const groups = new Map<string, OutgoingEntry[]>();
  for (const entry of entries) {
    const group = messageGroup(entry.message);
    const waiting = groups.get(group);
    if (waiting === undefined) groups.set(group, [entry]);
    else waiting.push(entry);
  }
  const ready = [...groups.values()].map((waiting) => ({ waiting, next: 0 }));
  const work = async (): Promise<void> => {
    for (;;) {
      const turn: typeof ready = [];
      for (let bytes = 0; turn.length < mostEntries; ) {
        const group = ready[0];
        if (group === undefined) break;
        bytes += (group.waiting[group.next] as OutgoingEntry).encoded.bytes;
        if (bytes > channel.requestBytes && turn.length > 0) break;
        turn.push(group);
        ready.shift();
      }
      if (turn.length === 0) return;
      await deliver(
        channel,
        turn.map(({ waiting, next }) => waiting[next] as OutgoingEntry),
        outcomes,
      );
      for (const group of turn) {
        const { index } = group.waiting[group.next++] as OutgoingEntry;
        const outcome = outcomes[index] as PublishOutcome;
        if (!outcome.ok)
          for (const { index } of group.waiting.splice(group.next)) outcomes[index] = notAfter(outcome.cause);
        if (group.next < group.waiting.length) ready.push(group);
      }
    }
  };
  const workers = Math.min(parallelGroups, Math.ceil(ready.length / mostEntries));
  await Promise.all(Array.from({ length: workers }, work));
}

async function deliver(
  channel: Channel,
  entries: readonly OutgoingEntry[],
  outcomes: PublishOutcome[],
): Promise<void> {
  let answers: readonly PublishOutcome[] | undefined;
  let cause: unknown;
  try {
    answers = await channel.send(entries);
  } catch (thrown) {
    cause = thrown;
  }
  for (let place = 0; place < entries.length; place++) {
    outcomes[(entries[place] as OutgoingEntry).index] = answers?.[place] ?? { ok: false, cause };
  }
}

function snsEntry(to: Address, { message, encoded }: OutgoingEntry, place: number): PublishBatchRequestEntry {
  return {
    Id: String(place),
    Message: encoded.body,
    MessageAttributes: encoded.attributes,
    ...(to.ordered ? fifoFields(message) : {}),
  };
}

function sqsEntry(
  to: Address,
  { message, encoded }: OutgoingEntry,
  place: number,
): SendMessageBatchRequestEntry {
  const entry = { Id: String(place), MessageBody: encoded.body, MessageAttributes: encoded.attributes };
  if (to.ordered) return { ...entry, ...fifoFields(message) };
  if (message.delayMs <= 0) return entry;
  return { ...entry, DelaySeconds: Math.min(longestDelay, Math.ceil(message.delayMs / 1_000)) };
}

/** By its token AWS knows again, for five minutes, what is sent once more after a lost answer. A redrive has a new one. */
function fifoFields(message: WireMessage) {
  return { MessageGroupId: messageGroup(message), MessageDeduplicationId: message.publishToken };
}

function outcomesOf(failures: readonly (Error | undefined)[]): readonly PublishOutcome[] {
  return failures.map((cause) => (cause === undefined ? stored : { ok: false, cause }));
}

/** As retryable as what stopped the one before it, so that all of a group is sent again together. */
function notAfter(cause: unknown): PublishOutcome {
  return { ok: false, cause };
}

function tooLarge({ name }: Address, bytes: number, most: number): MessagingError {
  return new MessagingError(
    "MESSAGE_TOO_LARGE",
    `A message to "${name}" takes ${bytes} bytes at AWS, and ${most} are allowed.`,
    {
      remedy: "Make it smaller, or raise `messageBytes`, up to 1048576.",
      details: { bytes, limit: most },
    },
  );
}
