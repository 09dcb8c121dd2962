import type { Headers } from "../spi/message.ts";
import type { AnyQueue, TopicContract } from "./contract.ts";

/** Names a topic's group or a queue: whose dead-lettered messages, what to declare, what to look at. */
export type ConsumerRef =
  // biome-ignore lint/suspicious/noExplicitAny: any topic
  { readonly topic: TopicContract<any, any>; readonly group: string } | { readonly queue: AnyQueue };

/** Which dead-lettered messages a redrive brings back, and from where. */
export interface RedriveOptions {
  /** The most messages to bring back. Default: all that are there at the start. */
  readonly max?: number | undefined;
  /**
   * Only those for which it returns true. The others stay. Where it throws, the redrive ends as
   * `INVALID_ARGUMENT`, with the report so far in `details`; the message that it was asked about stays.
   */
  readonly filter?: ((deadLettered: DeadLetterInfo) => boolean) | undefined;
  /**
   * Count, bring nothing back and write nothing. What is counted is held meanwhile, up to 5,000
   * messages or 64 MiB, and then handed back.
   */
  readonly dryRun?: boolean | undefined;
  /**
   * The queue that holds the dead-lettered messages. Default: all that this client's own consumers of
   * the same source have had as `deadLetter`, one after the other, else the derived queue, see
   * `deadLetterOf`. Where several sources share it, the messages of others stay. A client that has
   * never consumed the source cannot know better: where it finds nothing there, `logger` is told
   * (`NOT_FOUND`) of where it looked.
   */
  readonly deadLetter?: AnyQueue | undefined;
  /** Ends it early, with a report of what was done. */
  readonly signal?: AbortSignal | undefined;
}

/** What a redrive has done. */
export interface RedriveReport {
  /** Dead-lettered messages that it has looked at, each once. */
  readonly seen: number;
  /** How many of them are back where they failed. */
  readonly redriven: number;
  /** How many of them failed elsewhere, in another queue or group, and stayed: redrive those from there. */
  readonly ofOthers: number;
  /**
   * Whether it has looked at all that were there at the start, as far as the broker tells. False
   * when `max`, the signal or another consumer kept it from some, or when they did not come; also
   * while others consume the dead-letter queue of a broker that does not tell what they hold.
   */
  readonly complete: boolean;
}

/** Why and where a message was dead-lettered; read by `deadLetterDetails`. */
export interface DeadLetterInfo {
  readonly id: string;
  readonly source: string;
  readonly group: string | undefined;
  readonly attempts: number;
  /** Milliseconds since the epoch. */
  readonly firstFailedAt: number;
  readonly lastFailedAt: number;
  readonly errorCode: string;
  readonly errorMessage: string;
  readonly headers: Headers;
}
