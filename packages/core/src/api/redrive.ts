import type { Headers } from "../spi/message.ts";
import type { AnyQueue, TopicContract } from "./contract.ts";

/** Names a topic's group or a queue: whose dead letters, what to declare, what to look at. */
export type ConsumerRef =
  // biome-ignore lint/suspicious/noExplicitAny: any topic
  { readonly topic: TopicContract<any, any>; readonly group: string } | { readonly queue: AnyQueue };

export interface RedriveOptions {
  /** The most messages to bring back. Default: all that are there at the start. */
  readonly max?: number;
  /** Only those for which it returns true. The others stay. */
  readonly filter?: (letter: DeadLetterInfo) => boolean;
  /** Look and count, bring nothing back. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

export interface RedriveReport {
  readonly seen: number;
  readonly redriven: number;
}

/** Why and where a message ended up in a dead letter; read by `deadLetterDetails`. */
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
