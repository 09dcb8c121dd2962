import assert from "node:assert/strict";
import { suite } from "../case.ts";
import { assertMessagingError, failure } from "../failing.ts";
import { watched } from "../refusing.ts";

/** An abort signal ends what it was given to, and nothing else. */
export const aborting = suite("aborting", [
  {
    id: "before-publish",
    title: "A publish or send whose signal has fired already is ABORTED, and nothing is stored.",
    guarantee: "G12",
    async run(context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      calls.length = 0;
      const signal = AbortSignal.abort();
      await failure(() => client.publish(context.topic(), 1, { signal }), "ABORTED");
      await failure(() => client.send(context.queue(), 1, { signal }), "ABORTED");
      assert.equal(calls.includes("publish"), false);
    },
  },
  {
    id: "during-publish",
    title:
      "A publish whose signal fires stops waiting, as ABORTED; if it was confirmed by then, it resolves.",
    guarantee: "G12",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      await client.send(queue, 0);
      const aborter = new AbortController();
      const sends = Array.from({ length: 50 }, (_, n) => client.send(queue, n, { signal: aborter.signal }));
      const settled = Promise.allSettled(sends);
      aborter.abort();
      for (const result of await context.inTime("the sends to settle", 5_000, settled)) {
        if (result.status === "fulfilled") continue;
        assertMessagingError(result.reason);
        assert.equal(result.reason.code, "ABORTED");
      }
      await client.send(queue, 1);
    },
  },
  {
    id: "before-subscribe",
    title: "Subscribing or consuming with a signal that has fired already is ABORTED.",
    guarantee: "G12",
    async run(context) {
      const client = await context.connect();
      const signal = AbortSignal.abort();
      await failure(
        () => client.subscribe(context.topic(), { group: context.name(), signal }, () => undefined),
        "ABORTED",
      );
      await failure(() => client.consume(context.queue(), { signal }, () => undefined), "ABORTED");
    },
  },
  {
    id: "signal-closes-the-subscription",
    title: "A subscription whose signal fires closes as if it had been told to.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      const aborter = new AbortController();
      const seen = await context.collect(client, queue, { signal: aborter.signal });
      await client.send(queue, 1);
      await seen.first(1);
      aborter.abort();
      assert.equal(await context.inTime("the end", 10_000, seen.subscription.ended), undefined);
      assert.equal(seen.subscription.state, "closed");
      await client.send(queue, 2);
      await context.never("a delivery after the end", () => seen.deliveries.length > 1);
    },
  },
]);
