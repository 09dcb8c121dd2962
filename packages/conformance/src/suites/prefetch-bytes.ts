import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { bytes, type Subscription } from "@waybill/core";
import type { Feature } from "@waybill/core/spi";
import type { AnyClient } from "../any-client.ts";
import { type Case, type CaseDefinition, suite } from "../case.ts";
import type { Context } from "../context.ts";
import { Gate } from "../gate.ts";
import { liveBytes, settledBytes } from "../heap.ts";

const count = 300;
const bodyBytes = 160_000;
/** What the subscription may hold. All there is, is more than ten times as much. */
const prefetchBytes = 4 * 1024 * 1024;
/** What may come on top: one answer of the broker that nobody could foresee, and what else the process does. */
const allowanceBytes = 14 * 1024 * 1024;
/** For how long nothing more must come, looked at so many times. */
const lookMs = 300;
const looks = 6;

const options = { concurrency: 2, prefetch: count, prefetchBytes };

/** A kind of source, with what a handler does to each message. */
interface Reading {
  /** Publishes one message. */
  publish(body: Uint8Array): Promise<unknown>;
  subscribe(handle: () => Promise<void>): Promise<Subscription>;
}

/** G7. Large messages fill a prefetch sooner than their number says, on every kind of source. */
export const prefetchInBytes: readonly Case[] = suite("prefetch-bytes", [
  held("queue", "A queue's consumer", [], async (context, client) => {
    const jobs = context.queue<Uint8Array>({ codec: bytes });
    await client.topology.declare(jobs);
    return {
      publish: (body) => client.send(jobs, body),
      subscribe: (handle) => client.consume(jobs, options, handle),
    };
  }),
  held("group", "A member of a group", [], (context, client) => group(context, client, {})),
  held("ordered-group", "A member of an ordered group", ["ordering"], (context, client) => {
    let next = 0;
    return group(context, client, { key: () => `k${next++ % 20}` });
  }),
  held("broadcast", "A broadcast", ["broadcast"], async (context, client) => {
    const events = context.topic<Uint8Array>({ codec: bytes });
    await client.topology.declare(events);
    return {
      publish: (body) => client.publish(events, body),
      subscribe: (handle) => client.subscribe(events, { broadcast: true, ...options }, handle),
    };
  }),
  held("replay", "A replay", ["broadcast", "replay"], async (context, client) => {
    const events = context.topic<Uint8Array>({ codec: bytes, retained: true });
    await client.topology.declare(events);
    return {
      publish: (body) => client.publish(events, body),
      subscribe: (handle) =>
        client.subscribe(events, { broadcast: true, start: "earliest", ...options }, handle),
    };
  }),
]);

async function group(
  context: Context,
  client: AnyClient,
  contract: { key?: () => string },
): Promise<Reading> {
  const events = context.topic<Uint8Array>({ codec: bytes, ...contract });
  await client.topology.declare({ topic: events, group: "group" });
  return {
    publish: (body) => client.publish(events, body),
    subscribe: (handle) => client.subscribe(events, { group: "group", ...options }, handle),
  };
}

function held(
  id: string,
  who: string,
  needs: readonly Feature[],
  reading: (context: Context, client: AnyClient) => Promise<Reading>,
): CaseDefinition {
  return {
    id,
    title: `${who} holds no more bytes than \`prefetchBytes\` says, and gets everything all the same.`,
    guarantee: "G7",
    needs,
    applies: ({ limits }) =>
      limits.messageBytes >= bodyBytes || "the limit is smaller than the messages tried",
    exclusive: true,
    timeoutMs: 180_000,
    async run(context) {
      const client = await context.connect();
      const { publish, subscribe } = await reading(context, client);
      // A broadcast has no past, so its subscription comes first; an embedded broker keeps in this process
      // what waits there, which is measured by what a group that nobody reads costs.
      const isLive = id === "broadcast";
      const waiting = isLive ? await group(context, client, {}) : undefined;
      const empty = await settledBytes();
      await publishAll(waiting?.publish ?? publish);
      const before = await settledBytes();
      const backlog = isLive ? before - empty : 0;

      const gate = new Gate();
      let handled = 0;
      const subscription = await subscribe(async () => {
        await gate.opened;
        handled++;
      });
      if (isLive) await publishAll(publish);
      await context.eventually("two handlers run", () => subscription.running === options.concurrency);
      let most = 0;
      for (let look = 0; look < looks; look++) {
        await sleep(lookMs);
        most = Math.max(most, liveBytes() - before - backlog);
      }
      gate.open();
      await context.eventually("all are handled", () => handled >= count, 90_000);
      context.measure("heldBytes", Math.round(most));
      assert.ok(most <= prefetchBytes + allowanceBytes, `${(most / 2 ** 20).toFixed(1)} MiB are held`);
    },
  };
}

async function publishAll(publish: Reading["publish"]): Promise<void> {
  const body = new Uint8Array(bodyBytes).fill(7);
  for (let sent = 0; sent < count; sent += 10)
    await Promise.all(Array.from({ length: 10 }, () => publish(body)));
}
