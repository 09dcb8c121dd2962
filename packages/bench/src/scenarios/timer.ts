import { bytes, connect, type Subscription, topic } from "@waybill/core";
import { body, freshName } from "../contestant.ts";
import type { Scenario, Side } from "../scenario.ts";

const brokers = ["memory", "rabbitmq", "redis"];
const groupCount = 100;
const intervalMs = 10;

/** How late a timer may come, whatever the subscriptions of its process do, in milliseconds. */
const allowedMs = 50;

/** The worst delay of a timer while a hundred groups work off a backlog, against what is allowed. */
export const timerLateness: Scenario = {
  name: "timer beside 100 groups",
  unit: "ms",
  sides: ({ adapter, scale }) =>
    brokers.includes(adapter)
      ? { ours: latenessWith(Math.ceil(scale / groupCount)), against: async () => allowedMs }
      : undefined,
};

function latenessWith(backlog: number): Side {
  return async (url) => {
    const client = await connect(url);
    const contract = topic<Uint8Array>(freshName(), { codec: bytes });
    const groups = Array.from({ length: groupCount }, (_, index) => `bench-${index}`);
    const subjects = groups.map((group) => ({ topic: contract, group }));
    const subscriptions: Subscription[] = [];
    try {
      await client.topology.declare(...subjects);
      await client.publishBatch(contract, Array<Uint8Array>(backlog).fill(body));
      let left = backlog * groupCount;
      const drained = Promise.withResolvers<void>();
      const lateness = new Lateness();
      for (const group of groups) {
        const subscription = await client.subscribe(contract, { group }, () => {
          if (--left === 0) drained.resolve();
        });
        subscriptions.push(subscription);
      }
      await drained.promise;
      return lateness.end();
    } finally {
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
      await client.topology.remove(...subjects, contract);
      await client.close();
    }
  };
}

/** Sets one timer after the other and keeps the worst delay. */
class Lateness {
  #worstMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;

  constructor() {
    this.#next();
  }

  /** Ends it and returns the worst delay, that of a timer which is overdue now included. */
  end(): number {
    clearTimeout(this.#timer);
    return Math.max(this.#worstMs, performance.now() - this.#dueAt, 1);
  }

  #next(): void {
    this.#dueAt = performance.now() + intervalMs;
    this.#timer = setTimeout(() => {
      this.#worstMs = Math.max(this.#worstMs, performance.now() - this.#dueAt);
      this.#next();
    }, intervalMs);
  }
}
