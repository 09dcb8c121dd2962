import { hash } from "node:crypto";
import { type Message, ReceiveMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { MessagingError } from "@waybill/core/spi";
import { mostEntries } from "../client/batches.ts";

/**
 * The pause after a poll that left nothing behind, in milliseconds: what comes next then
 * comes together, and may go to another consumer, whose poll has waited for longer.
 */
const pauseMs = 5;

export interface LongPollOptions {
  readonly sqs: SQSClient;
  readonly url: string;
  readonly waitSeconds: number;
  readonly leaseSeconds: number;
  /** The most at a time. */
  readonly polls: number;
  /** A queue that keeps order has little to give at a time, however much it holds: no pause there. */
  readonly ordered: boolean;
  /** How many more messages are wanted now, besides those that polls under way were asked for. */
  readonly wanted: () => number;
  readonly onMessages: (messages: readonly Message[]) => void;
  readonly onFailed: (cause: unknown) => void;
  /** A message came damaged; it is left alone, and comes again. */
  readonly onDamaged: (cause: MessagingError) => void;
}

/**
 * Long polls, as many as there is work for: one while the queue is idle, more while
 * they come back well filled. None is ever broken off, since SQS may have given it a
 * message that would then be invisible for the whole lease.
 */
export class LongPolls {
  readonly #options: LongPollOptions;
  /** How many messages the polls under way may bring. */
  #asked = 0;
  #underWay = 0;
  #target = 1;
  #stopped = false;
  #pausing = false;
  #idle: (() => void) | undefined;

  constructor(options: LongPollOptions) {
    this.#options = options;
  }

  /** Begins what is wanted, as far as there is room for it. */
  pump(): void {
    while (!this.#stopped && !this.#pausing && this.#underWay < this.#target) {
      const wanted = this.#options.wanted() - this.#asked;
      if (wanted <= 0) return;
      void this.#poll(Math.min(mostEntries, wanted));
    }
  }

  /** Begins none any more; resolves when the last has ended. */
  stop(): Promise<void> {
    this.#stopped = true;
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  async #poll(asked: number): Promise<void> {
    this.#asked += asked;
    this.#underWay++;
    let found: readonly Message[] = [];
    try {
      found = await this.#receive(asked);
    } catch (cause) {
      this.#stopped = true;
      this.#options.onFailed(cause);
    }
    this.#asked -= asked;
    this.#underWay--;
    if (found.length === 0) this.#target = 1;
    else if (found.length * 2 >= asked) this.#target = Math.min(this.#options.polls, this.#target * 2);
    if (found.length > 0 && found.length < asked && !this.#options.ordered) this.#pause();
    if (found.length > 0) this.#options.onMessages(found);
    if (this.#underWay === 0) this.#idle?.();
    this.pump();
  }

  #pause(): void {
    this.#pausing = true;
    setTimeout(() => {
      this.#pausing = false;
      this.pump();
    }, pauseMs);
  }

  async #receive(count: number): Promise<readonly Message[]> {
    const { sqs, url, waitSeconds, leaseSeconds, onDamaged } = this.#options;
    const command = new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: count,
      WaitTimeSeconds: waitSeconds,
      VisibilityTimeout: leaseSeconds,
      MessageAttributeNames: ["All"],
      MessageSystemAttributeNames: [
        "ApproximateFirstReceiveTimestamp",
        "ApproximateReceiveCount",
        "MessageGroupId",
        "SentTimestamp",
      ],
    });
    const { Messages = [] } = await sqs.send(command);
    if (Messages.every(isWhole)) return Messages;
    const bad = Messages.filter((message) => !isWhole(message));
    onDamaged(damaged(bad.length));
    // What comes after it in its message group must wait for it, and comes again with it.
    const groups = new Set(bad.map(groupOf));
    groups.delete(undefined);
    return Messages.filter((message) => isWhole(message) && !groups.has(groupOf(message)));
  }
}

function groupOf({ Attributes }: Message): string | undefined {
  return Attributes?.MessageGroupId;
}

/** Whether the body is the one that SQS has stored, by the checksum that it sends with it. */
function isWhole({ Body, MD5OfBody }: Message): boolean {
  if (MD5OfBody === undefined) return true;
  try {
    return hash("md5", Body ?? "") === MD5OfBody;
  } catch {
    // A runtime in FIPS mode has no MD5.
    return true;
  }
}

function damaged(count: number): MessagingError {
  return new MessagingError(
    "BROKER_ERROR",
    `${count} received with a body that does not match its MD5 checksum.`,
    {
      remedy: "Each comes again when its lease is over. Look for what changes traffic on its way from AWS.",
      retryable: true,
    },
  );
}
