import { stored, type WireMessage } from "@waybill/core/spi";
import { wrapDriver } from "../wrap.ts";
import { alteringPublishes } from "./altering.ts";
import type { FaultyDriver } from "./faulty-driver.ts";

/** What can be wrong on the way out. */
export const publishingFaults: readonly FaultyDriver[] = [
  {
    name: "drops-one-in-a-thousand",
    fault: "Says of every thousandth message that it was stored, and drops it.",
    caughtBy: ["delivery.five-thousand", "delivery.nothing-is-dropped-in-a-long-run"],
    apply(driver) {
      let count = 0;
      return alteringPublishes(driver, (message) => (++count % 1000 === 0 ? undefined : message));
    },
  },
  {
    name: "publishes-some-twice",
    fault: "Stores every fiftieth message twice.",
    caughtBy: ["groups-and-queues.queue-delivers-once", "delivery.batch-of-a-thousand"],
    apply(driver) {
      let count = 0;
      return wrapDriver(driver, {
        connection: (connection) => ({
          async publish(to, batch, call) {
            const outcomes = await connection.publish(to, batch, call);
            const again = batch.filter(() => ++count % 50 === 0);
            if (again.length > 0) await connection.publish(to, again, call);
            return outcomes;
          },
        }),
      });
    },
  },
  {
    name: "confirms-too-early",
    fault: "Confirms a message at once and stores it a little later, if the process lives on.",
    caughtBy: ["delivery.confirmed-survives-its-publisher"],
    apply: (driver) =>
      wrapDriver(driver, {
        connection: (connection) => ({
          async publish(to, batch, call) {
            setTimeout(() => void connection.publish(to, batch, call).catch(() => undefined), 30);
            return batch.map(() => stored);
          },
        }),
      }),
  },
  {
    name: "loses-the-last-on-close",
    fault: "Keeps the last message back until the next one comes, and forgets it on close.",
    caughtBy: ["connecting.opens-closes-opens", "groups-and-queues.queue-keeps-for-later"],
    apply: (driver) =>
      wrapDriver(driver, {
        connection: (connection) => {
          let kept: WireMessage | undefined;
          return {
            async publish(to, batch, call) {
              const due = kept === undefined ? batch : [kept, ...batch];
              kept = due.at(-1);
              if (due.length > 1) await connection.publish(to, due.slice(0, -1), call);
              return batch.map(() => stored);
            },
          };
        },
      }),
  },
  {
    name: "swaps-two-of-a-key",
    fault: "Swaps the first two messages of one key that travel in one batch.",
    caughtBy: ["ordering.of-batches"],
    apply: (driver) =>
      wrapDriver(driver, {
        connection: (connection) => ({
          publish(to, batch, call) {
            const swapped = [...batch];
            const second = swapped.findIndex(
              ({ key }, at) => at > 0 && key !== undefined && swapped[0]?.key === key,
            );
            if (second > 0) {
              const first = swapped[0] as WireMessage;
              swapped[0] = swapped[second] as WireMessage;
              swapped[second] = first;
            }
            return connection.publish(to, swapped, call);
          },
        }),
      }),
  },
  {
    name: "truncates-a-header",
    fault: "Cuts header values to 255 characters.",
    caughtBy: ["fidelity.edge-case-header-values", "fidelity.largest-header"],
    apply: (driver) =>
      alteringPublishes(driver, (message) => ({
        ...message,
        headers: Object.fromEntries(
          Object.entries(message.headers).map(([name, value]) => [name, value.slice(0, 255)]),
        ),
      })),
  },
  {
    name: "lower-cases-header-names",
    fault: "Sends header names in lower case.",
    caughtBy: ["fidelity.edge-case-header-names"],
    apply: (driver) =>
      alteringPublishes(driver, (message) => ({
        ...message,
        headers: Object.fromEntries(
          Object.entries(message.headers).map(([name, value]) => [name.toLowerCase(), value]),
        ),
      })),
  },
  {
    name: "corrupts-a-body-byte",
    fault: "Takes the body for text: bytes that are not UTF-8 become question marks.",
    caughtBy: ["fidelity.bytes"],
    apply: (driver) =>
      alteringPublishes(driver, (message) => ({
        ...message,
        body: Buffer.from(Buffer.from(message.body).toString("utf8"), "utf8"),
      })),
  },
  {
    name: "drops-empty-bodies",
    fault: "Takes a message without a body for no message.",
    caughtBy: ["fidelity.empty-body"],
    apply: (driver) =>
      alteringPublishes(driver, (message) => (message.body.length === 0 ? undefined : message)),
  },
  {
    name: "drops-the-key",
    fault: "Forgets the ordering key.",
    caughtBy: ["fidelity.key-survives"],
    apply: (driver) => alteringPublishes(driver, (message) => ({ ...message, key: undefined })),
  },
  {
    name: "forgets-the-time",
    fault: "Puts the time of sending in the place of the message's own.",
    caughtBy: ["fidelity.metadata-survives"],
    apply: (driver) => alteringPublishes(driver, (message) => ({ ...message, timestamp: Date.now() })),
  },
  {
    name: "forgets-the-correlation",
    fault: "Forgets correlation ids.",
    caughtBy: ["fidelity.metadata-survives", "request-reply.success"],
    apply: (driver) => alteringPublishes(driver, (message) => ({ ...message, correlationId: undefined })),
  },
  {
    name: "ignores-delay",
    fault: "Delivers delayed messages at once.",
    caughtBy: ["time.delay", "time.delay-in-a-topic"],
    apply: (driver) => alteringPublishes(driver, (message) => ({ ...message, delayMs: 0 })),
  },
  {
    name: "ignores-ttl",
    fault: "Forgets when messages expire.",
    caughtBy: ["time.ttl-expired", "time.ttl-expires-while-held"],
    apply: (driver) => alteringPublishes(driver, (message) => ({ ...message, expiresAt: undefined })),
  },
  {
    name: "crosses-replies",
    fault: "Gives every two replies to each other's requests.",
    caughtBy: ["request-reply.in-parallel"],
    apply: (driver) =>
      wrapDriver(driver, {
        connection: (connection) => {
          let kept: WireMessage | undefined;
          return {
            async publish(to, batch, call) {
              if (to.kind !== "inbox") return connection.publish(to, batch, call);
              for (const reply of batch) {
                const other = kept;
                kept = other === undefined ? reply : undefined;
                if (other === undefined) continue;
                const crossed = [
                  { ...other, correlationId: reply.correlationId },
                  { ...reply, correlationId: other.correlationId },
                ];
                await connection.publish(to, crossed, call);
              }
              return batch.map(() => stored);
            },
          };
        },
      }),
  },
  {
    name: "swallows-publish-failures",
    fault: "Says of what the broker did not take that it was stored.",
    caughtBy: ["delivery.assumed-topic-missing"],
    apply: (driver) =>
      wrapDriver(driver, {
        connection: (connection) => ({
          publish: (to, batch, call) =>
            connection.publish(to, batch, call).catch(() => batch.map(() => stored)),
        }),
      }),
  },
  {
    name: "makes-what-is-missing",
    fault: "Makes a destination that does not exist when something is published to it.",
    caughtBy: ["delivery.assumed-topic-missing", "delivery.assumed-queue-missing"],
    apply: (driver) =>
      wrapDriver(driver, {
        connection: (connection) => ({
          async publish(to, batch, call) {
            if (to.kind === "topic" || to.kind === "queue") {
              const item = { address: to, start: { from: "latest" }, filter: undefined } as const;
              await connection.topology.ensure([item], call);
            }
            return connection.publish(to, batch, call);
          },
        }),
      }),
  },
  {
    name: "never-batches",
    fault: "Sends messages one by one, each in a call of its own.",
    caughtBy: ["delivery.same-turn-travels-together"],
    apply: (driver) => ({
      ...driver,
      connect: (hooks, call) => driver.connect(hooks, call),
      classify: (cause) => driver.classify(cause),
      capabilities: {
        ...driver.capabilities,
        publishing: { ...driver.capabilities.publishing, maxBytes: 1 },
      },
    }),
  },
];
