import { wrapConsumer, wrapDriver } from "../wrap.ts";
import type { FaultyDriver } from "./faulty-driver.ts";

/** What can be wrong when things end or come to be. */
export const closingFaults: readonly FaultyDriver[] = [
  {
    name: "keeps-what-it-prefetched",
    fault: "Closes a consumer without handing back what it holds.",
    caughtBy: ["lifecycle.iterator-ends-with-its-loop", "drain.leaving-the-loop"],
    apply: (driver) => wrapDriver(driver, { consumer: () => ({ close: async () => undefined }) }),
  },
  {
    name: "forgets-what-waits",
    fault: "Hands back what waits for its next attempt like everything else: at once, counted once.",
    caughtBy: ["drain.keyed-retry-goes-on"],
    timeoutScale: 0.5,
    apply: (driver) =>
      wrapDriver(driver, {
        connection: (connection) => ({
          async consume(from, hooks, call) {
            const revoking = (going: readonly string[]) => hooks.revoking(going).then(() => undefined);
            const consumer = await connection.consume(from, { ...hooks, revoking }, call);
            return wrapConsumer(consumer, {
              close: ({ started }) => consumer.close({ started, delayed: new Map() }),
            });
          },
        }),
      }),
  },
  {
    name: "swallows-a-connection-loss",
    fault: "Says nothing when its connection is lost, and lets those who wait for messages wait.",
    caughtBy: ["faults.broker-killed"],
    apply: (driver) =>
      wrapDriver(driver, {
        hooks: (hooks) => ({ ...hooks, lost: () => undefined }),
        consumer: (consumer) => ({
          receive: (max, call) =>
            consumer.receive(max, call).catch(
              () =>
                new Promise((resolve) => {
                  call.signal.addEventListener("abort", () => resolve([]), { once: true });
                }),
            ),
        }),
      }),
  },
  {
    name: "forgets-empty-groups",
    fault: "Takes a group away when its last member leaves.",
    caughtBy: ["groups-and-queues.absent-group-keeps"],
    apply: (driver) =>
      wrapDriver(driver, {
        connection: (connection) => ({
          async consume(from, hooks, call) {
            const consumer = await connection.consume(from, hooks, call);
            return wrapConsumer(consumer, {
              async close(options) {
                await consumer.close(options);
                if (from.address.kind !== "group") return;
                const call = { signal: AbortSignal.timeout(1_000) };
                await connection.topology.remove([from.address], call).catch(() => undefined);
              },
            });
          },
        }),
      }),
  },
  {
    name: "removes-nothing",
    fault: "Says that things are taken away and leaves them.",
    caughtBy: ["topology.remove-takes-away", "topology.removed-queue-starts-empty"],
    apply: (driver) =>
      wrapDriver(driver, {
        connection: ({ topology }) => ({
          topology: {
            ensure: (items, call) => topology.ensure(items, call),
            inspect: (addresses, call) => topology.inspect(addresses, call),
            remove: async () => undefined,
          },
        }),
      }),
  },
  {
    name: "makes-what-it-looks-at",
    fault: "Makes what it was only to inspect.",
    caughtBy: ["topology.inspect-changes-nothing", "topology.verify-refuses-what-is-missing"],
    apply: (driver) =>
      wrapDriver(driver, {
        connection: ({ topology }) => ({
          topology: {
            ensure: (items, call) => topology.ensure(items, call),
            async inspect(addresses, call) {
              const start = { from: "latest" } as const;
              await topology.ensure(
                addresses.map((address) => ({ address, start, filter: undefined })),
                call,
              );
              return topology.inspect(addresses, call);
            },
            remove: (addresses, call) => topology.remove(addresses, call),
          },
        }),
      }),
  },
  {
    name: "maps-two-names-to-one",
    fault: "Takes a dot, a dash and an underscore in a name for the same.",
    caughtBy: ["naming.map-injectively"],
    apply: (driver) => ({
      ...driver,
      connect: (hooks, call) => driver.connect(hooks, call),
      classify: (cause) => driver.classify(cause),
      naming: {
        rule: driver.naming.rule,
        toBrokerName: (name, kind) => driver.naming.toBrokerName(name.replaceAll(/[.-]/g, "_"), kind),
      },
    }),
  },
];
