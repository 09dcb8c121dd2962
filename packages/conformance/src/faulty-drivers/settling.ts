import type { ReceivedMessage, WireMessage } from "@waybill/core/spi";
import { wrapConsumer, wrapDriver } from "../wrap.ts";
import type { FaultyDriver } from "./faulty-driver.ts";

/** What can be wrong when a delivery ends. */
export const settlingFaults: readonly FaultyDriver[] = [
  {
    name: "acks-before-handling",
    fault: "Acks what it receives before anybody has handled it.",
    caughtBy: [
      "settlement.crash-redelivers-the-unacked",
      "settlement.drained-handler-settles-nothing",
      "ordering.blocked-across-a-restart",
    ],
    apply: (driver) =>
      wrapDriver(driver, {
        consumer: (consumer) => ({
          receive: async (max, call) => {
            const batch = await consumer.receive(max, call);
            await consumer.settle(
              batch.map((delivery) => ({ delivery, outcome: "ack" })),
              call,
            );
            return batch;
          },
          settle: async (batch) => batch.map(() => "settled"),
          extend: async () => [],
        }),
      }),
  },
  {
    name: "forgets-acks",
    fault: "Says that acks are settled and forgets every third.",
    caughtBy: ["settlement.resolving-acks", "settlement.acks-survive-the-close"],
    apply(driver) {
      let count = 0;
      return wrapDriver(driver, {
        consumer: (consumer) => ({
          settle: async (batch, call) => {
            const kept = batch.filter(() => ++count % 3 !== 0);
            if (kept.length > 0) await consumer.settle(kept, call);
            return batch.map(() => "settled");
          },
        }),
      });
    },
  },
  {
    name: "acks-the-neighbours",
    fault: "Acks, with every ack, all that was received before, whoever is still at it.",
    caughtBy: ["settlement.crash-redelivers-the-unacked"],
    apply: (driver) =>
      wrapDriver(driver, {
        consumer: (consumer) => {
          let received: ReceivedMessage[] = [];
          return {
            receive: async (max, call) => {
              const batch = await consumer.receive(max, call);
              received.push(...batch);
              return batch;
            },
            settle: async (batch, call) => {
              const given = new Set(batch.map(({ delivery }) => delivery));
              const last = Math.max(...batch.map(({ delivery }) => received.indexOf(delivery)));
              const before = received.slice(0, last).filter((delivery) => !given.has(delivery));
              received = received.slice(last + 1);
              const outcomes = await consumer.settle(batch, call);
              await consumer.settle(
                before.map((delivery) => ({ delivery, outcome: "ack" })),
                call,
              );
              return outcomes;
            },
          };
        },
      }),
  },
  {
    name: "retries-at-once",
    fault: "Brings a message that is to be retried later back at once.",
    caughtBy: ["retrying.with-delay", "retrying.waits-alone"],
    apply: (driver) =>
      wrapDriver(driver, {
        consumer: (consumer) => ({
          settle: (batch, call) =>
            consumer.settle(
              batch.map((settlement) =>
                settlement.outcome === "retry" ? { ...settlement, delayMs: 0 } : settlement,
              ),
              call,
            ),
        }),
      }),
  },
  {
    name: "retries-never",
    fault: "Acks what is to be retried.",
    caughtBy: ["retrying.at-once", "failure-policy.throws-then-succeeds"],
    apply: (driver) =>
      wrapDriver(driver, {
        consumer: (consumer) => ({
          settle: (batch, call) =>
            consumer.settle(
              batch.map(({ delivery }) => ({ delivery, outcome: "ack" })),
              call,
            ),
        }),
      }),
  },
  {
    name: "retries-for-everybody",
    fault: "Puts what is to be retried back into the topic, where every group gets it.",
    caughtBy: ["retrying.stays-in-its-group", "failure-policy.retries-stay-in-the-group"],
    apply: (driver) =>
      wrapDriver(driver, {
        connection: (connection) => ({
          async consume(from, hooks, call) {
            const consumer = await connection.consume(from, hooks, call);
            const { address } = from;
            const topic = { ...address, kind: "topic", group: undefined, brokerGroup: undefined } as const;
            return wrapConsumer(consumer, {
              async settle(batch, inner) {
                if (address.kind !== "group") return consumer.settle(batch, inner);
                const again = batch.filter(({ outcome }) => outcome === "retry");
                if (again.length > 0) {
                  const messages = again.map(({ delivery }) => withDelay(delivery));
                  await connection.publish(topic, messages, inner);
                }
                const acks = batch.map(({ delivery }) => ({ delivery, outcome: "ack" }) as const);
                return consumer.settle(acks, inner);
              },
            });
          },
        }),
      }),
  },
  {
    name: "tells-lost-as-settled",
    fault: "Says of a settlement that came too late that it was settled.",
    caughtBy: ["settlement.settle-after-the-lease"],
    apply: (driver) =>
      wrapDriver(driver, {
        consumer: (consumer) => ({
          settle: async (batch, call) => {
            const outcomes = await consumer.settle(batch, call);
            return outcomes.map((outcome) => (outcome === "lost" ? "settled" : outcome));
          },
        }),
      }),
  },
  {
    name: "never-renews-leases",
    fault: "Does not renew leases.",
    caughtBy: ["time.lease-renewed"],
    timeoutScale: 1,
    apply: (driver) => wrapDriver(driver, { consumer: () => ({ extend: async () => [] }) }),
  },
  {
    name: "hides-lost-leases",
    fault: "Does not say which leases are over when it renews the others.",
    caughtBy: ["time.lease-lost"],
    timeoutScale: 1,
    apply: (driver) =>
      wrapDriver(driver, {
        consumer: (consumer) => ({
          async extend(batch, call) {
            await consumer.extend?.(batch, call);
            return [];
          },
        }),
      }),
  },
];

const withDelay = ({
  id,
  body,
  contentType,
  key,
  timestamp,
  headers,
  expiresAt,
  replyTo,
  correlationId,
}: ReceivedMessage): WireMessage => ({
  id,
  publishToken: `${id}-token`,
  body,
  contentType,
  key,
  timestamp,
  headers,
  expiresAt,
  replyTo,
  correlationId,
  delayMs: 0,
});
