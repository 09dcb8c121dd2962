import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { PartialFailureError, queue, topic } from "../src/index.ts";
import type { Script } from "./scripted-driver.ts";
import { connected, failureOf, never, type Workbench } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const Orders = topic<number>("orders");
const Questions = queue<number, number, number>("questions", { reply: {} });

type Call = (client: Workbench["client"], signal: AbortSignal) => Promise<unknown>;

/** Every public method that takes a signal and rejects when that fires. */
const calls: Readonly<Record<string, Call>> = {
  publish: (client, signal) => client.publish(Orders, 1, { signal }),
  publishBatch: (client, signal) => client.publishBatch(Orders, [1, 2], { signal }),
  send: (client, signal) => client.send(Jobs, 1, { signal }),
  sendBatch: (client, signal) => client.sendBatch(Jobs, [1, 2], { signal }),
  subscribe: (client, signal) => client.subscribe(Orders, { group: "g", signal }, () => {}),
  consume: (client, signal) => client.consume(Jobs, { signal }, () => {}),
  "messages of a queue": (client, signal) => client.messages(Jobs, { signal }).next(),
  "messages of a topic": (client, signal) => client.messages(Orders, { group: "g", signal }).next(),
  "messages, made ready": (client, signal) => client.messages(Jobs, { signal }).ready(),
  request: (client, signal) => client.request(Questions, 1, { signal }),
  respond: (client, signal) => client.respond(Questions, { signal }, () => 1),
};

/** Where a broker that does not answer may keep a call waiting, and does not heed its signal. */
const silences: Readonly<Record<string, Script>> = {
  "while its destination is made": { ensure: () => never },
  "while its consumer opens": { consume: () => never },
  "while it awaits the confirmation": { publish: () => never },
};

/** What a call was told, each message of a batch for itself. */
async function told(call: Promise<unknown>): Promise<readonly unknown[]> {
  const error = await failureOf(call);
  return error instanceof PartialFailureError ? error.failures.map((each) => each.error) : [error];
}

const isAborted = { code: "ABORTED", retryable: false, remedy: expect.any(String), cause: "enough" };

describe("a call whose signal fires", () => {
  for (const [name, call] of Object.entries(calls)) {
    const all = name.endsWith("Batch") ? [isAborted, isAborted] : [isAborted];

    it(`before it began is told to its caller, and asks the broker nothing: ${name}`, async () => {
      const { client, driver, clock, errors } = await connected();
      const signal = AbortSignal.abort("enough");
      expect(await told(call(client, signal))).toMatchObject(all);
      await clock.settle();
      expect(driver).toMatchObject({ published: [], consumers: [], ensured: [] });
      expect(errors).toEqual([]);
      expectNothingLeft(client, signal);
      expect(clock.timers).toBe(0);
    });

    for (const [when, script] of Object.entries(silences)) {
      const isPublish = /^(publish|send)/.test(name);
      if (isPublish && when === "while its consumer opens") continue;
      if (!isPublish && name !== "request" && when === "while it awaits the confirmation") continue;
      it(`${when} is told to its caller at once, and to nobody else: ${name}`, async () => {
        const { client, clock, errors } = await connected(script);
        const abort = new AbortController();
        const failure = told(call(client, abort.signal));
        await clock.settle();
        abort.abort("enough");
        expect(await Promise.race([failure, clock.settle().then(() => "still under way")])).toMatchObject(
          all,
        );
        expectNothingLeft(client, abort.signal);
        // The broker has been asked, and has its time to answer: a next call need not ask once more.
        await clock.pass(120_000);
        expect(clock.timers).toBe(0);
        expect(errors).toEqual([]);
        await client.close({ timeoutMs: 0 });
      });
    }
  }

  it("of a loop that waits for a delivery ends the loop, and closes its consumer", async () => {
    const { client, driver, clock } = await connected();
    const abort = new AbortController();
    const next = client.messages(Jobs, { signal: abort.signal }).next();
    await clock.settle();
    abort.abort();
    await clock.settle();
    expect(await next).toMatchObject({ done: true });
    expect(driver.consumer().closed).toBe(1);
    expectNothingLeft(client, abort.signal);
    expect(clock.timers).toBe(0);
  });

  describe.each([false, true])("of a redrive (dry run: %s)", (dryRun) => {
    const nothing = { seen: 0, redriven: 0, ofOthers: 0, complete: false };

    it("before it began, is a report that is not complete", async () => {
      const { client, driver, clock } = await connected({ inspect: () => ({ backlog: 1 }) });
      const signal = AbortSignal.abort();
      expect(await client.redrive({ queue: Jobs }, { dryRun, signal })).toEqual(nothing);
      expect(driver).toMatchObject({ published: [], consumers: [], ensured: [] });
      expectNothingLeft(client, signal);
      expect(clock.timers).toBe(0);
    });

    for (const [when, script] of Object.entries({
      "while its dead-letter queue is looked at": { inspect: () => never },
      "while its consumer opens": { inspect: () => ({ backlog: 1 }), consume: () => never },
      "while others may still consume": { inspect: () => ({ backlog: 1, unsettled: "unknown" }) },
    } satisfies Record<string, Script>)) {
      it(`${when}, ends it at once with a report that is not complete`, async () => {
        const { client, clock, errors } = await connected(script);
        const abort = new AbortController();
        const report = client.redrive({ queue: Jobs }, { dryRun, signal: abort.signal });
        await clock.settle();
        abort.abort();
        expect(await Promise.race([report, clock.settle().then(() => "still under way")])).toEqual(nothing);
        expectNothingLeft(client, abort.signal);
        await clock.pass(120_000);
        expect(clock.timers).toBe(0);
        expect(errors.filter(({ code }) => code !== "NOT_FOUND")).toEqual([]);
      });
    }
  });
});

/** The reply path that a request has opened is its client's, and stays for the next one. */
function expectNothingLeft(client: Workbench["client"], signal: AbortSignal): void {
  expect(getEventListeners(signal, "abort")).toEqual([]);
  const { pendingPublishes, subscriptions } = client.health();
  expect(pendingPublishes).toBe(0);
  expect(subscriptions.filter(({ source }) => !source.startsWith("reply-"))).toEqual([]);
}
