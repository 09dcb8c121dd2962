import type { QueueContract, TopicContract } from "@waybill/core";
import type { AnyClient } from "./any-client.ts";
import type { History, HistoryOptions, Numbered } from "./history.ts";
import { keysNamed, Load, type LoadOptions } from "./load.ts";

/** What most cases about delivery begin with: numbered messages, who publishes them, and what became of them. */
interface Work {
  /** The publisher. It may consume too. */
  readonly client: AnyClient;
  readonly history: History;
  /** Publishes as much at once as its window allows. Default for `keys`: 16 where there are keys. */
  load(options: LoadOptions): Load;
  /** Publishes so many, each when the one before is confirmed. */
  publish(count: number): Promise<void>;
}

/** Through a queue. */
export interface Jobs extends Work {
  readonly jobs: QueueContract<Numbered>;
}

/** Through a topic. */
export interface Events extends Work {
  readonly events: TopicContract<Numbered>;
}

export interface WorkOptions extends Pick<HistoryOptions, "redelivery"> {
  /** Whether messages have keys, whose order is judged then. Default: false. */
  readonly keyed?: boolean;
}

/** `history` is to judge what goes through `jobs`. */
export function jobsOf(client: AnyClient, jobs: QueueContract<Numbered>, history: History): Jobs {
  return { jobs, ...work(client, history, jobs.ordered, (message) => client.send(jobs, message)) };
}

/** `history` is to judge what goes through `events`. */
export function eventsOf(client: AnyClient, events: TopicContract<Numbered>, history: History): Events {
  return { events, ...work(client, history, events.ordered, (message) => client.publish(events, message)) };
}

/** What the contract of such work is made with. */
export const contractOptions = ({ keyed = false }: WorkOptions) =>
  keyed ? { key: ({ k }: Numbered) => k } : {};

function work(
  client: AnyClient,
  history: History,
  keyed: boolean,
  send: (message: Numbered) => Promise<unknown>,
): Work {
  const keys = keyed ? keysNamed(16) : [""];
  return {
    client,
    history,
    load: (options) => new Load(history, send, { keys, ...options }),
    async publish(count) {
      for (let n = 0; n < count; n++) await history.publish(send);
    },
  };
}
