import type { Address, ReceivedMessage, Source } from "@waybill/core/spi";
import { wrapDriver } from "../wrap.ts";
import { alteringDeliveries } from "./altering.ts";
import type { FaultyDriver } from "./faulty-driver.ts";

/** Consumes from something else than it was told to. */
const misreading = (misread: (from: Source) => Source): FaultyDriver["apply"] => {
  return (driver) =>
    wrapDriver(driver, {
      connection: (connection) => ({
        consume: (from, hooks, call) => connection.consume(misread(from), hooks, call),
        topology: {
          ensure: (items, call) =>
            connection.topology.ensure(
              items.map((item) => ({ ...item, ...misread({ ...item, prefetch: 1, prefetchBytes: 1 }) })),
              call,
            ),
          inspect: (addresses, call) => connection.topology.inspect(addresses, call),
          remove: (addresses, call) => connection.topology.remove(addresses, call),
        },
      }),
    });
};

/** What can be wrong on the way in. */
export const receivingFaults: readonly FaultyDriver[] = [
  {
    name: "swaps-deliveries",
    fault: "Hands out a batch in the wrong order.",
    caughtBy: ["ordering.per-key"],
    apply: (driver) => alteringDeliveries(driver, (batch) => [...batch].reverse()),
  },
  {
    name: "delivers-some-twice",
    fault: "Hands out every twentieth delivery twice.",
    caughtBy: ["groups-and-queues.queue-delivers-once", "groups-and-queues.members-share"],
    apply(driver) {
      let count = 0;
      return alteringDeliveries(driver, (batch, change) =>
        batch.flatMap((delivery) => (++count % 20 === 0 ? [delivery, change(delivery, {})] : [delivery])),
      );
    },
  },
  {
    name: "over-fetches",
    fault: "Takes ten times more than it was allowed to hold.",
    caughtBy: ["flow.prefetch-leaves-the-rest"],
    apply: (driver) =>
      wrapDriver(driver, {
        connection: (connection) => ({
          async consume(from, hooks, call) {
            const consumer = await connection.consume({ ...from, prefetch: from.prefetch * 10 }, hooks, call);
            let stock: ReceivedMessage[] = [];
            return {
              receive: async (max, inner) => {
                if (stock.length === 0) stock = [...(await consumer.receive(from.prefetch * 10, inner))];
                return stock.splice(0, max);
              },
              settle: (batch, inner) => consumer.settle(batch, inner),
              close: (options) => consumer.close(options),
            };
          },
        }),
      }),
  },
  {
    name: "fetches-without-regard-to-size",
    fault: "Fetches as many messages ahead as it may, however large they are.",
    caughtBy: ["queue", "group", "ordered-group", "broadcast", "replay"].map(
      (kind) => `prefetch-bytes.${kind}`,
    ),
    timeoutScale: 1,
    apply: (driver) =>
      wrapDriver(driver, {
        connection: (connection) => ({
          async consume(from, hooks, call) {
            const unbounded = { ...from, prefetchBytes: Number.MAX_SAFE_INTEGER };
            const consumer = await connection.consume(unbounded, hooks, call);
            const stock: ReceivedMessage[] = [];
            // An embedded broker's bodies are in this process anyway: so these are what has been fetched of them.
            const fetched = new Map<ReceivedMessage, Uint8Array>();
            return {
              receive: async (max, inner) => {
                while (stock.length < from.prefetch) {
                  const signal = AbortSignal.any([inner.signal, AbortSignal.timeout(300)]);
                  const got = await consumer.receive(from.prefetch - stock.length, { signal });
                  if (got.length === 0) break;
                  for (const message of got) fetched.set(message, new Uint8Array(message.body));
                  stock.push(...got);
                }
                return stock.splice(0, max);
              },
              settle: (batch, inner) => {
                for (const { delivery } of batch) fetched.delete(delivery);
                return consumer.settle(batch, inner);
              },
              close: (options) => consumer.close(options),
            };
          },
        }),
      }),
  },
  {
    name: "hands-out-too-many",
    fault: "Hands out more deliveries than it was asked for.",
    caughtBy: ["flow.prefetch"],
    apply: (driver) =>
      wrapDriver(driver, {
        consumer: (consumer) => ({ receive: (max, call) => consumer.receive(max * 10, call) }),
      }),
  },
  {
    name: "counts-from-two",
    fault: "Says of every delivery that it was delivered before.",
    caughtBy: ["delivery.one-by-queue", "retrying.by-throwing"],
    apply: (driver) =>
      alteringDeliveries(driver, (batch, change) =>
        batch.map((delivery) => change(delivery, { redeliveries: delivery.redeliveries + 1 })),
      ),
  },
  {
    name: "does-not-count",
    fault: "Says of every delivery that it is the first.",
    caughtBy: ["retrying.attempts-survive-a-crash", "ordering.blocked-across-a-restart"],
    apply: (driver) =>
      alteringDeliveries(driver, (batch, change) =>
        batch.map((delivery) => change(delivery, { redeliveries: 0 })),
      ),
  },
  {
    name: "shares-between-groups",
    fault: "Takes all groups of a topic for one.",
    caughtBy: ["groups-and-queues.every-group-gets-every-message"],
    apply: misreading((from) => ({ ...from, address: oneGroup(from.address) })),
  },
  {
    name: "starts-too-late",
    fault: "Starts every replay and every new group at the latest message.",
    caughtBy: ["replay.from-earliest", "replay.group-from-earliest"],
    apply: misreading((from) => ({ ...from, start: { from: "latest" } })),
  },
  {
    name: "starts-too-early",
    fault: "Starts every new group of a retained topic at the earliest message.",
    caughtBy: ["replay.latest-on-a-retained-topic", "replay.from-time"],
    apply: misreading((from) => (from.address.retained ? { ...from, start: { from: "earliest" } } : from)),
  },
  {
    name: "delivers-what-was-filtered-out",
    fault: "Ignores filters.",
    caughtBy: ["filters.equality", "filters.absence", "filters.broadcast"],
    apply: misreading((from) => ({ ...from, filter: undefined })),
  },
  {
    name: "waits-for-all-to-settle",
    fault: "Hands out nothing more until everything that it handed out is settled.",
    caughtBy: ["flow.stuck-handler"],
    apply: (driver) =>
      wrapDriver(driver, {
        consumer: (consumer) => {
          let open = 0;
          return {
            receive: async (max, call) => {
              if (open > 0) {
                await new Promise((resolve) => setTimeout(resolve, 20));
                return [];
              }
              const batch = await consumer.receive(Math.min(max, 1), call);
              open += batch.length;
              return batch;
            },
            settle: async (batch, call) => {
              const outcomes = await consumer.settle(batch, call);
              open -= batch.length;
              return outcomes;
            },
          };
        },
      }),
  },
];

const oneGroup = (address: Address): Address =>
  address.kind === "group" ? { ...address, group: "everybody", brokerGroup: "everybody" } : address;
