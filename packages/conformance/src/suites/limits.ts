import assert from "node:assert/strict";
import { bytes, PartialFailureError } from "@waybill/core";
import type { Capabilities } from "@waybill/core/spi";
import { suite } from "../case.ts";
import type { Context } from "../context.ts";
import { failure } from "../failing.ts";
import { watched } from "../refusing.ts";

/** Larger than this is not worth the memory; such limits are taken on trust. */
const largestTried = 32 * 1024 * 1024;

const triable = ({ limits }: Capabilities) =>
  limits.messageBytes <= largestTried || "the limit is larger than the suite tries";

/** A client, a queue of bytes and what comes out of it. */
async function bytesQueue(context: Context) {
  const client = await context.connect();
  const queue = context.queue<Uint8Array>({ codec: bytes });
  const seen = await context.collect(client, queue);
  return { client, queue, seen };
}

/** Up to the declared limits everything works; beyond them it is refused, and nothing else is harmed. */
export const limits = suite("limits", [
  {
    id: "largest-allowed",
    title: "A message of exactly the declared limit is stored and delivered.",
    guarantee: "G13",
    applies: triable,
    async run(context) {
      const { client, queue, seen } = await bytesQueue(context);
      const body = patterned(context.capabilities.limits.messageBytes);
      await client.send(queue, body);
      const [got] = await seen.first(1, 60_000);
      assert(Buffer.from(got?.value ?? []).equals(body), "the body is as it was");
    },
  },
  {
    id: "large",
    title: "A message of 200 KB is stored and delivered next to small ones.",
    guarantee: "G13",
    applies: ({ limits }) => limits.messageBytes >= 200_000 || "the limit is smaller",
    async run(context) {
      const { client, queue, seen } = await bytesQueue(context);
      const large = patterned(200_000);
      await Promise.all([
        client.send(queue, Uint8Array.of(1)),
        client.send(queue, large),
        client.send(queue, Uint8Array.of(2)),
      ]);
      await seen.first(3);
      const got = seen.values.find(({ length }) => length > 1);
      assert(Buffer.from(got ?? []).equals(large));
    },
  },
  {
    id: "one-byte-over",
    title: "A message one byte over the limit is refused as MESSAGE_TOO_LARGE before any I/O.",
    guarantee: "G12",
    applies: triable,
    async run(context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      const queue = context.queue<Uint8Array>({ codec: bytes });
      calls.length = 0;
      const body = new Uint8Array(context.capabilities.limits.messageBytes + 1);
      const error = await failure(() => client.send(queue, body), "MESSAGE_TOO_LARGE");
      assert.equal(error.retryable, false);
      assert.equal(calls.includes("publish"), false);
    },
  },
  {
    id: "headers-count-towards-the-limit",
    title: "Header names and values count towards the limit.",
    guarantee: "G12",
    applies: triable,
    async run(context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      const queue = context.queue<Uint8Array>({ codec: bytes });
      calls.length = 0;
      const body = new Uint8Array(context.capabilities.limits.messageBytes - 10);
      await failure(() => client.send(queue, body, { headers: { "eleven-long": "" } }), "MESSAGE_TOO_LARGE");
      assert.equal(calls.includes("publish"), false);
    },
  },
  {
    id: "one-over-in-a-batch",
    title: "One message over the limit fails alone: the error names it, and the rest of the batch is stored.",
    guarantee: "G1",
    applies: triable,
    async run(context) {
      const { client, queue, seen } = await bytesQueue(context);
      const over = new Uint8Array(context.capabilities.limits.messageBytes + 1);
      const batch = [Uint8Array.of(0), over, Uint8Array.of(2), Uint8Array.of(3)];
      const error = await failure(() => client.sendBatch(queue, batch), "PARTIAL_FAILURE");
      assert(error instanceof PartialFailureError);
      assert.deepEqual(
        error.failures.map((failed) => [failed.index, failed.error.code]),
        [[1, "MESSAGE_TOO_LARGE"]],
      );
      await seen.first(3);
      await context.never("a fourth delivery", () => seen.deliveries.length > 3, 100);
      assert.deepEqual(seen.values.map((value) => value[0]).sort(), [0, 2, 3]);
    },
  },
  {
    id: "key-over-the-limit",
    title: "An ordering key over the broker's limit is refused before any I/O.",
    guarantee: "G12",
    needs: ["ordering"],
    applies: ({ limits }) => limits.keyBytes !== undefined || "the broker has no limit of its own for keys",
    async run(context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      const topic = context.topic<string>({ key: (value) => value });
      calls.length = 0;
      const over = "k".repeat((context.capabilities.limits.keyBytes ?? 0) + 1);
      await failure(() => client.publish(topic, over), "INVALID_ARGUMENT", "MESSAGE_TOO_LARGE");
      assert.equal(calls.includes("publish"), false);
    },
  },
]);

/** Bytes in which any that is lost, moved or changed shows. */
function patterned(length: number): Uint8Array {
  const body = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) body.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  return body;
}
