import type { QueueContract, TopicContract } from "@waybill/core";
import type { AnyClient, Context } from "./context.ts";
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

export function jobsOf(context: Context, client: AnyClient, options: WorkOptions): Jobs {
  const jobs = context.queue<Numbered>(contractOptions(options));
  return { jobs, ...work(context, client, options, (message) => client.send(jobs, message)) };
}

export function eventsOf(context: Context, client: AnyClient, options: WorkOptions): Events {
  const events = context.topic<Numbered>(contractOptions(options));
  return { events, ...work(context, client, options, (message) => client.publish(events, message)) };
}

const contractOptions = ({ keyed = false }: WorkOptions) => (keyed ? { key: ({ k }: Numbered) => k } : {});

function work(
  context: Context,
  client: AnyClient,
  { keyed = false, redelivery = false }: WorkOptions,
  send: (message: Numbered) => Promise<unknown>,
): Work {
  const history = context.history({ ordered: keyed, redelivery });
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
