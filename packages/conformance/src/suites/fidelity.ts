import assert from "node:assert/strict";
import { bytes, text } from "@waybill/core";
import { suite } from "../case.ts";
import { edgeCaseNames, edgeCaseTexts, edgeCaseValues, jsonValues } from "../edge-cases.ts";
import { failure } from "../failing.ts";
import type { Numbered } from "../history.ts";
import { watched } from "../refusing.ts";

/** What comes out is what went in: body, headers, key and all that travels with them. */
export const fidelity = suite("fidelity", [
  {
    id: "hundred-are-equal",
    title: "A hundred messages come out once each, with body and headers equal.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<Numbered & { readonly pad: string }>();
      const history = context.history();
      const seen = await context.collect(client, topic, { group: context.name() }, (value) =>
        history.deliver(value),
      );
      for (let n = 0; n < 100; n++) {
        const message = history.next();
        await client.publish(
          topic,
          { ...message, pad: "é".repeat(n) },
          { headers: { number: `${n}`, "x-a": "b" } },
        );
        history.confirm(message);
      }
      await context.eventually("all to be delivered", () => history.complete("reader"));
      for (const { value, headers } of seen.deliveries) {
        assert.equal(value.pad, "é".repeat(value.n));
        assert.deepEqual({ ...headers }, { number: `${value.n}`, "x-a": "b" });
      }
      await context.never("a duplicate", () => history.counts().duplicated > 0, 100);
      history.check();
    },
  },
  {
    id: "json-values",
    title: "Whatever JSON can hold comes back as it was.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<{ n: number; value: unknown }>();
      const seen = await context.collect(client, queue);
      await client.sendBatch(
        queue,
        jsonValues.map((value, n) => ({ n, value })),
      );
      await seen.first(jsonValues.length);
      for (const { n, value } of seen.values) assert.deepEqual(value, jsonValues[n]);
    },
  },
  {
    id: "text-values",
    title: "Text comes back code point for code point, a byte order mark and an empty text included.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<string>({ codec: text });
      const seen = await context.collect(client, queue);
      await client.sendBatch(queue, edgeCaseTexts);
      await seen.first(edgeCaseTexts.length);
      assert.deepEqual([...seen.values].sort(), [...edgeCaseTexts].sort());
    },
  },
  {
    id: "bytes",
    title: "Every byte value comes back, UTF-8 or not.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<Uint8Array>({ codec: bytes });
      const seen = await context.collect(client, queue);
      const all = Uint8Array.from({ length: 256 }, (_, n) => n);
      const invalid = Uint8Array.of(0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80);
      await client.send(queue, all);
      await client.send(queue, invalid);
      await seen.first(2);
      const [long, short] = [...seen.values].sort((a, b) => b.length - a.length);
      assert.deepEqual(Buffer.from(long as Uint8Array), Buffer.from(all));
      assert.deepEqual(Buffer.from(short as Uint8Array), Buffer.from(invalid));
    },
  },
  {
    id: "empty-body",
    title: "An empty body comes back empty, with its headers.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<Uint8Array>({ codec: bytes });
      const seen = await context.collect(client, queue);
      await client.send(queue, new Uint8Array(0), { headers: { colour: "red" } });
      const [got] = await seen.first(1);
      assert.equal(got?.value.length, 0);
      assert.equal(got?.body.length, 0);
      assert.equal(got?.headers.colour, "red");
    },
  },
  {
    id: "body-is-untouched",
    title: "`delivery.body` holds the bytes as they were encoded.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<{ a: number }>();
      const seen = await context.collect(client, queue);
      await client.send(queue, { a: 1 });
      const [got] = await seen.first(1);
      assert.equal(Buffer.from(got?.body ?? []).toString("utf8"), '{"a":1}');
    },
  },
  {
    id: "edge-case-header-values",
    title: "Eighteen odd header values come back as they were.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      await Promise.all(
        edgeCaseValues.map((value, n) => client.send(queue, n, { headers: { edgeCase: value } })),
      );
      await seen.first(edgeCaseValues.length);
      for (const { value, headers } of seen.deliveries)
        assert.deepEqual({ ...headers }, { edgeCase: edgeCaseValues[value] });
    },
  },
  {
    id: "edge-case-header-names",
    title:
      "Eighteen odd header names come back as they were, or are refused as INVALID_HEADER; none is dropped.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      let sent = 0;
      for (const [n, name] of edgeCaseNames.entries()) {
        const headers = Object.fromEntries([[name, `value ${n}`]]);
        try {
          await client.send(queue, n, { headers });
          sent++;
        } catch (error) {
          await failure(() => Promise.reject(error), "INVALID_HEADER");
        }
      }
      await seen.first(sent);
      for (const { value, headers } of seen.deliveries) {
        assert.deepEqual(Object.entries(headers), [[edgeCaseNames[value], `value ${value}`]]);
      }
    },
  },
  {
    id: "largest-header",
    title: "A header of 64 KiB comes back whole, or is refused before any I/O.",
    guarantee: "G13",
    async run(context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      calls.length = 0;
      const value = "0123456789abcdef".repeat(4096);
      try {
        await client.send(queue, 1, { headers: { big: value } });
      } catch (error) {
        await failure(() => Promise.reject(error), "MESSAGE_TOO_LARGE", "INVALID_HEADER");
        assert.equal(calls.includes("publish"), false);
        return;
      }
      const [got] = await seen.first(1);
      assert.equal(got?.headers.big?.length, value.length);
      assert.equal(got?.headers.big, value);
    },
  },
  {
    id: "many-headers",
    title: "Thirty headers come back, all of them.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      const headers = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`header-${n}`, `value ${n}`]));
      await client.send(queue, 1, { headers });
      const [got] = await seen.first(1);
      assert.deepEqual({ ...got?.headers }, headers);
    },
  },
  {
    id: "metadata-survives",
    title: "Id, timestamp, correlation id and content type come back as they were given.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<string>({ codec: { ...text, contentType: "text/x-conformance; v=1" } });
      const seen = await context.collect(client, topic, { group: context.name() });
      const given = { id: "my/id 1–é", timestamp: Date.now() - 86_400_000, correlationId: "corr:1 é" };
      const receipt = await client.publish(topic, "a", given);
      const [got] = await seen.first(1);
      assert.equal(receipt.id, given.id);
      assert.equal(got?.id, given.id);
      assert.equal(got?.timestamp, given.timestamp);
      assert.equal(got?.correlationId, given.correlationId);
      assert.equal(got?.contentType, "text/x-conformance; v=1");
      assert.deepEqual({ ...got?.headers }, {});
    },
  },
  {
    id: "metadata-has-defaults",
    title:
      "Without being told, a message has a unique id, the time of publishing, and no correlation id or key.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      const before = Date.now();
      await client.sendBatch(queue, [1, 2]);
      const after = Date.now();
      const got = await seen.first(2);
      assert.equal(new Set(got.map(({ id }) => id)).size, 2);
      for (const one of got) {
        assert(one.id.length > 0);
        assert(
          one.timestamp >= before && one.timestamp <= after,
          `${one.timestamp} is the time of publishing`,
        );
        assert.equal(one.correlationId, undefined);
        assert.equal(one.key, undefined);
        assert.equal(one.contentType, "application/json");
      }
    },
  },
  {
    id: "key-survives",
    title: "The ordering key comes back as it was, Unicode and the longest allowed included.",
    guarantee: "G13",
    needs: ["ordering"],
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<string>({
        codec: text,
        key: (value) => (value === "" ? undefined : value),
      });
      const longest = "k".repeat(Math.min(context.capabilities.limits.keyBytes ?? 256, 256));
      const keys = ["a", "customer 7/8", "ключ-é", longest];
      const seen = await context.collect(client, topic, { group: context.name() });
      for (const key of keys) await client.publish(topic, key);
      await client.publish(topic, "");
      const got = await seen.first(keys.length + 1);
      for (const { key, value } of got) assert.equal(key, value === "" ? undefined : value);
    },
  },
]);
