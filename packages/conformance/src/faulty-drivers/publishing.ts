import { stored, type WireMessage } from "@waybill/core/spi";
import { wrapDriver } from "../wrap.ts";
import { alteringPublishes } from "./altering.ts";
import type { FaultyDriver } from "./faulty-driver.ts";

/** What can be wrong on the way out. */
export const publishingSaboteurs: readonly FaultyDriver[] = [
  {
    name: "drops-one-in-a-thousand",
    manner: "Says of every thousandth message that it was stored, and drops it.",
    caughtBy: ["delivery.five-thousand", "delivery.nothing-is-dropped-in-a-long-run"],
    sabotage(driver) {
      let count = 0;
      return alteringPublishes(driver, (message) => (++count % 1000 === 0 ? undefined : message));
    },
  },
  {
    name: "publishes-some-twice",
    manner: "Stores every fiftieth message twice.",
    caughtBy: ["groups-and-queues.queue-delivers-once", "delivery.batch-of-a-thousand"],
    sabotage(driver) {
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
    manner: "Confirms a message at once and stores it a little later, if the process lives on.",
    caughtBy: ["delivery.confirmed-survives-its-publisher"],
    sabotage: (driver) =>
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
    manner: "Keeps the last message back until the next one comes, and forgets it on close.",
    caughtBy: ["connecting.opens-closes-opens", "groups-and-queues.queue-keeps-for-later"],
    sabotage: (driver) =>
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
    manner: "Swaps the first two messages of one key that travel in one batch.",
    caughtBy: ["ordering.of-batches"],
    sabotage: (driver) =>
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
    manner: "Cuts header values to 255 characters.",
    caughtBy: ["fidelity.edge-case-header-values", "fidelity.largest-header"],
    sabotage: (driver) =>
      alteringPublishes(driver, (message) => ({
        ...message,
        headers: Object.fromEntries(
          Object.entries(message.headers).map(([name, value]) => [name, value.slice(0, 255)]),
        ),
      })),
  },
  {
    name: "lower-cases-header-names",
    manner: "Sends header names in lower case.",
    caughtBy: ["fidelity.edge-case-header-names"],
    sabotage: (driver) =>
      alteringPublishes(driver, (message) => ({
        ...message,
        headers: Object.fromEntries(
          Object.entries(message.headers).map(([name, value]) => [name.toLowerCase(), value]),
        ),
      })),
  },
  {
    name: "corrupts-a-body-byte",
    manner: "Takes the body for text: bytes that are not UTF-8 become question marks.",
    caughtBy: ["fidelity.bytes"],
    sabotage: (driver) =>
      alteringPublishes(driver, (message) => ({
        ...message,
        body: Buffer.from(Buffer.from(message.body).toString("utf8"), "utf8"),
      })),
  },
  {
    name: "drops-empty-bodies",
    manner: "Takes a message without a body for no message.",
    caughtBy: ["fidelity.empty-body"],
    sabotage: (driver) =>
      alteringPublishes(driver, (message) => (message.body.length === 0 ? undefined : message)),
  },
  {
    name: "drops-the-key",
    manner: "Forgets the ordering key.",
    caughtBy: ["fidelity.key-survives"],
    sabotage: (driver) => alteringPublishes(driver, (message) => ({ ...message, key: undefined })),
  },
  {
    name: "forgets-the-time",
    manner: "Puts the time of sending in the place of the message's own.",
    caughtBy: ["fidelity.metadata-survives"],
    sabotage: (driver) => alteringPublishes(driver, (message) => ({ ...message, timestamp: Date.now() })),
  },
  {
    name: "forgets-the-correlation",
    manner: "Forgets correlation ids.",
    caughtBy: ["fidelity.metadata-survives", "request-reply.success"],
    sabotage: (driver) => alteringPublishes(driver, (message) => ({ ...message, correlationId: undefined })),
  },
  {
    name: "ignores-delay",
    manner: "Delivers delayed messages at once.",
    caughtBy: ["time.delay", "time.delay-in-a-topic"],
    sabotage: (driver) => alteringPublishes(driver, (message) => ({ ...message, delayMs: 0 })),
  },
  {
    name: "ignores-ttl",
    manner: "Forgets when messages expire.",
    caughtBy: ["time.ttl-expired", "time.ttl-expires-while-held"],
    sabotage: (driver) => alteringPublishes(driver, (message) => ({ ...message, expiresAt: undefined })),
  },
  {
    name: "crosses-replies",
    manner: "Gives every two replies to each other's requests.",
    caughtBy: ["request-reply.in-parallel"],
    sabotage: (driver) =>
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
    manner: "Says of what the broker did not take that it was stored.",
    caughtBy: ["delivery.assumed-topic-missing"],
    sabotage: (driver) =>
      wrapDriver(driver, {
        connection: (connection) => ({
          publish: (to, batch, call) =>
            connection.publish(to, batch, call).catch(() => batch.map(() => stored)),
        }),
      }),
  },
  {
    name: "makes-what-is-missing",
    manner: "Makes a destination that does not exist when something is published to it.",
    caughtBy: ["delivery.assumed-topic-missing", "delivery.assumed-queue-missing"],
    sabotage: (driver) =>
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
    manner: "Sends messages one by one, each in a call of its own.",
    caughtBy: ["delivery.same-turn-travels-together"],
    sabotage: (driver) => ({
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
