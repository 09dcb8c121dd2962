import assert from "node:assert/strict";
import { bytes, text } from "@waybill/core";
import type { Headers, WireMessage } from "@waybill/core/spi";
import { suite } from "../case.ts";
import type { Context } from "../context.ts";
import { ExternalMessages } from "../external-messages.ts";
import type { ExternalClient } from "../target.ts";

/** Metadata as nobody honest would write it. */
const hostileHeaders: readonly Headers[] = [
  { "waybill-attempt": "banana" },
  { "waybill-attempt": "-5" },
  { "waybill-attempt": "1e308" },
  { "waybill-attempt": "99999999999999999999" },
  { "waybill-dead-attempts": "NaN", "waybill-dead-source": "../../etc" },
  Object.fromEntries([
    ["__proto__", "polluted"],
    ["constructor", "x"],
    ["hasOwnProperty", "x"],
  ]),
];

function wire(id: string, headers: Headers): WireMessage {
  return {
    id,
    publishToken: `token-${id}`,
    body: Buffer.from("1"),
    contentType: "application/json",
    key: undefined,
    timestamp: Date.now(),
    headers,
    delayMs: 0,
    expiresAt: undefined,
    replyTo: undefined,
    correlationId: undefined,
  };
}

const nothing = () => undefined;

async function externalClient(context: Context): Promise<ExternalClient> {
  const peer = await (context.target.externalClient as NonNullable<typeof context.target.externalClient>)();
  context.atEnd(() => peer.close());
  return peer;
}

/** Producers and consumers that know nothing of Waybill are none the worse for it. */
export const externalClients = suite("external-clients", [
  ...(["topic", "queue"] as const).flatMap((kind) => [
    {
      id: `to-${kind}`,
      title: `What the vendor's own client puts into a ${kind} is handled as it is.`,
      guarantee: "G13" as const,
      parts: ["externalClient"] as const,
      async run(context: Context) {
        const client = await context.connect();
        const contract =
          kind === "topic"
            ? context.topic<Uint8Array>({ codec: bytes })
            : context.queue<Uint8Array>({ codec: bytes });
        const seen =
          contract.kind === "topic"
            ? await context.collect(client, contract, { group: context.name() })
            : await context.collect(client, contract);
        const peer = await externalClient(context);
        const headers = { "x-plain": "value", "x-unicode": "naïve 😀" };
        await peer.publish(context.address(contract), { body: Buffer.from("with headers é"), headers });
        await peer.publish(context.address(contract), { body: Uint8Array.of(0, 255, 128), headers: {} });
        const got = await seen.first(2);
        const [plain, headed] = [...got].sort((a, b) => a.body.length - b.body.length);
        assert.deepEqual(Buffer.from(plain?.body ?? []), Buffer.from([0, 255, 128]));
        assert.equal(Buffer.from(headed?.body ?? []).toString(), "with headers é");
        for (const [name, value] of Object.entries(headers)) assert.equal(headed?.headers[name], value);
        for (const one of got) {
          assert.equal(one.attempt, 1);
          assert(one.id.length > 0, "it has an id, if only its place in the broker");
          assert(Number.isFinite(one.timestamp), "it has a time");
          assert.equal(typeof one.contentType, "string");
        }
      },
    },
    {
      id: `from-${kind}`,
      title: `What Waybill puts into a ${kind} is a plain message to the vendor's own client: no envelope.`,
      guarantee: "G13" as const,
      parts: ["externalClient"] as const,
      async run(context: Context) {
        const client = await context.connect();
        const contract =
          kind === "topic"
            ? context.topic<Uint8Array>({ codec: bytes })
            : context.queue<Uint8Array>({ codec: bytes });
        await client.topology.declare(contract);
        const peer = await externalClient(context);
        const listener = await ExternalMessages.of(peer, context.address(contract));
        const body = Buffer.from([0, 1, 0xff, 0x80, 0x41]);
        const options = { headers: { "x-plain": "value", "x-unicode": "naïve 😀" } };
        if (contract.kind === "topic") await client.publish(contract, body, options);
        else await client.send(contract, body, options);
        const got = await listener.next();
        await listener.close();
        assert.deepEqual(Buffer.from(got.body), body);
        assert.equal(got.headers["x-plain"], "value");
        assert.equal(got.headers["x-unicode"], "naïve 😀");
      },
    },
  ]),
  {
    id: "key",
    title: "The vendor's own client sees the ordering key in its native place, and gives one in the same.",
    guarantee: "G13",
    needs: ["ordering"],
    parts: ["externalClient"],
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<string>({ codec: text, key: (value) => value });
      const seen = await context.collect(client, topic, { group: context.name() });
      const peer = await externalClient(context);
      const listener = await ExternalMessages.of(peer, context.address(topic));
      await client.publish(topic, "ours");
      assert.equal((await listener.next()).key, "ours");
      await listener.close();
      await peer.publish(context.address(topic), { body: Buffer.from("theirs"), headers: {}, key: "theirs" });
      const got = await seen.first(2);
      assert.equal(got.find(({ value }) => value === "theirs")?.key, "theirs");
    },
  },
  {
    id: "hostile-headers",
    title: "Metadata that was forged or is broken harms nobody: the message is handled, with sane values.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue, { retry: { maxAttempts: Number.POSITIVE_INFINITY } });
      const call = { signal: context.signal };
      const raw = await context.driver().connect({ lost: nothing, report: nothing }, call);
      context.atEnd(() => raw.close());
      for (const [n, headers] of hostileHeaders.entries()) {
        const [outcome] = await raw.publish(context.address(queue), [wire(`hostile-${n}`, headers)], call);
        assert.equal(outcome?.ok, true);
      }
      for (const one of await seen.first(hostileHeaders.length)) {
        assert(Number.isSafeInteger(one.attempt) && one.attempt >= 1, `attempt ${one.attempt}`);
        assert(Number.isFinite(one.timestamp), `timestamp ${one.timestamp}`);
        for (const value of Object.values(one.headers)) assert.equal(typeof value, "string");
      }
      assert.equal(({} as Record<string, unknown>).polluted, undefined);
      await client.send(queue, 1);
      await seen.first(hostileHeaders.length + 1);
    },
  },
  {
    id: "hostile-times",
    title: "A timestamp beyond all bounds, or none at all, harms nobody.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      const call = { signal: context.signal };
      const raw = await context.driver().connect({ lost: nothing, report: nothing }, call);
      context.atEnd(() => raw.close());
      const times = [0, 1, 253_402_300_799_999];
      for (const [n, timestamp] of times.entries()) {
        await raw.publish(context.address(queue), [{ ...wire(`time-${n}`, {}), timestamp }], call);
      }
      const got = await seen.first(times.length);
      for (const { timestamp } of got) assert(Number.isFinite(timestamp));
    },
  },
]);
