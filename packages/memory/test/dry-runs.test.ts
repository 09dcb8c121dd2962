import { type Client, connect, type Feature, queue } from "@waybill/core";
import type { Connection, Driver } from "@waybill/core/spi";
import { expect, it } from "vitest";
import { MemoryBroker, memory, virtualClock } from "../src/index.ts";

const Jobs = queue<number>("jobs");

/** A driver of this broker whose topology does not tell how many messages there are. */
function withoutBacklog(driver: ReturnType<typeof memory>): Driver {
  return {
    ...driver,
    async connect(hooks, call): Promise<Connection> {
      const connection = await driver.connect(hooks, call);
      const { topology } = connection;
      const quiet = {
        ensure: topology.ensure.bind(topology),
        remove: topology.remove.bind(topology),
        inspect: async (...given: Parameters<typeof topology.inspect>) =>
          (await topology.inspect(...given)).map(({ backlog: _, unsettled: __, ...state }) => state),
      };
      return Object.defineProperty(connection, "topology", { value: quiet });
    },
  };
}

it.each(["tells how many there are", "does not tell how many there are"])(
  "two dry runs at once, of one client and of two, end and write nothing where the broker %s",
  async (how) => {
    const clock = virtualClock();
    const broker = new MemoryBroker({ clock });
    const driver = () => (how.startsWith("tells") ? memory({ broker }) : withoutBacklog(memory({ broker })));
    const connected = async () =>
      (await connect(driver(), { clock, onError: () => {}, logger: false })) as Client<Feature>;
    const client = await connected();
    const other = await connected();
    const consumer = await client.consume(Jobs, { retry: { maxAttempts: 1 } }, () => {
      throw new Error("no");
    });
    for (const n of [1, 2, 3]) await client.send(Jobs, n);
    await clock.advance(1_000);
    await consumer.close();

    let written = 0;
    broker.observe({
      published(_to, batch) {
        written += batch.length;
      },
    });
    for (const runners of [
      [client, client],
      [client, other],
    ]) {
      const runs = runners.map((each) => each.redrive({ queue: Jobs }, { dryRun: true }));
      const ended = Promise.all(runs);
      await clock.advance(60_000);
      const reports = await Promise.race([ended, clock.advance(1).then(() => "still under way")]);
      expect(reports).toHaveLength(2);
      // What one holds the other cannot see, and whoever has not seen all that was told of says so.
      for (const { seen, redriven, ofOthers, complete } of await ended) {
        expect({ redriven, ofOthers }).toEqual({ redriven: 0, ofOthers: 0 });
        if (how.startsWith("tells")) expect(complete).toBe(seen === 3);
      }
      expect(written).toBe(0);
    }
    const single = client.redrive({ queue: Jobs }, { dryRun: true });
    await clock.advance(60_000);
    expect(await single, "all are there, as they were").toMatchObject({ seen: 3, complete: true });
    await client.close();
    await other.close();
  },
);
