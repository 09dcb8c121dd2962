import { bytes, type Client, connect, type Subscription, topic } from "@waybill/core";
import { body, freshName } from "../contestant.ts";
import { type EventLoopMeter, longestTurn, timerDelay } from "../event-loop-meter.ts";
import { publishMany, type Scenario, type Side } from "../scenario.ts";

const brokers = ["memory", "rabbitmq", "redis"];

/** How late a timer may come, whatever the subscriptions of its process do, in milliseconds. */
const allowedMs = 50;

/** What the event loop is busy with. */
interface Load {
  readonly groups: number;
  readonly concurrency?: number;
  readonly keyed?: boolean;
  /** Whether they begin at once, or one after the other. */
  readonly atOnce?: boolean;
  /** Each is a broadcast, and gets messages while they are published, rather than a group with a backlog. */
  readonly broadcast?: boolean;
}

/** The worst delay of a timer, or the longest turn of the event loop, while many work off a backlog: against what is allowed. */
export const eventLoop: readonly Scenario[] = [
  row("timer beside 100 groups", () => timerDelay(10), { groups: 100 }),
  row("turn, 1 group", longestTurn, { groups: 1 }),
  row("turn, 100 groups", longestTurn, { groups: 100 }),
  row("turn, 100 with 500 handlers", longestTurn, { groups: 100, concurrency: 500 }),
  row("turn, 100 with keys", longestTurn, { groups: 100, keyed: true }),
  row("turn, 100 groups at once", longestTurn, { groups: 100, atOnce: true }),
  row("turn, 300 groups", longestTurn, { groups: 300 }),
  row("turn, 300 groups at once", longestTurn, { groups: 300, atOnce: true }),
  row("turn, 100 broadcasts", longestTurn, { groups: 100, broadcast: true }),
];

function row(name: string, meter: () => EventLoopMeter, load: Load): Scenario {
  return {
    name,
    unit: "ms",
    sides: ({ adapter, scale }) =>
      brokers.includes(adapter)
        ? { ours: worstDuring(load, meter, Math.ceil(scale / load.groups)), against: async () => allowedMs }
        : undefined,
  };
}

function worstDuring(load: Load, meter: () => EventLoopMeter, messages: number): Side {
  return async (url) => {
    const client = await connect(url, { requires: ["broadcast", "ordering"] });
    try {
      return await (load.broadcast ? duringBroadcasts : duringBacklog)(client, load, meter, messages);
    } finally {
      await client.close();
    }
  };
}

async function duringBacklog(
  client: Client<"broadcast" | "ordering">,
  { groups, concurrency, keyed = false, atOnce = false }: Load,
  meter: () => EventLoopMeter,
  messages: number,
): Promise<number> {
  let published = 0;
  const key = keyed ? { key: () => `k-${published++ % 1_000}` } : {};
  const contract = topic<Uint8Array>(freshName(), { codec: bytes, ...key });
  const names = Array.from({ length: groups }, (_, index) => `bench-${index}`);
  const subjects = names.map((group) => ({ topic: contract, group }));
  const subscriptions: Subscription[] = [];
  try {
    await client.topology.declare(...subjects);
    await publishMany(messages, 1_000, () => client.publish(contract, body));
    let left = messages * groups;
    const drained = Promise.withResolvers<void>();
    const handler = () => {
      if (--left === 0) drained.resolve();
    };
    const begin = async (group: string) => {
      subscriptions.push(await client.subscribe(contract, { group, concurrency }, handler));
    };
    const watched = meter();
    if (atOnce) await Promise.all(names.map(begin));
    else for (const name of names) await begin(name);
    await drained.promise;
    return watched.end();
  } finally {
    await Promise.all(subscriptions.map((subscription) => subscription.close()));
    await client.topology.remove(...subjects, contract);
  }
}

async function duringBroadcasts(
  client: Client<"broadcast" | "ordering">,
  { groups, concurrency }: Load,
  meter: () => EventLoopMeter,
  messages: number,
): Promise<number> {
  const contract = topic<Uint8Array>(freshName(), { codec: bytes });
  const subscriptions: Subscription[] = [];
  try {
    await client.topology.declare(contract);
    let left = messages * groups;
    const received = Promise.withResolvers<void>();
    for (let i = 0; i < groups; i++) {
      const subscription = await client.subscribe(contract, { broadcast: true, concurrency }, () => {
        if (--left === 0) received.resolve();
      });
      subscriptions.push(subscription);
    }
    const watched = meter();
    await publishMany(messages, 1_000, () => client.publish(contract, body));
    await received.promise;
    return watched.end();
  } finally {
    await Promise.all(subscriptions.map((subscription) => subscription.close()));
    await client.topology.remove(contract);
  }
}
