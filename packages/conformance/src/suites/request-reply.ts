import assert from "node:assert/strict";
import { NonRetryableError, type QueueContract, ReplyError } from "@waybill/core";
import type { AnyClient } from "../any-client.ts";
import { type Case, suite } from "../case.ts";
import type { Context } from "../context.ts";
import { failure } from "../failing.ts";
import { Gate } from "../gate.ts";
import { part } from "../parts.ts";
import { startWorker } from "../programs/start-worker.ts";
import { onlyPositive } from "../schemas.ts";

/** Asking and answering: each asker gets its own answer, once, or is told that there is none. */
export const requestReply: readonly Case[] = suite("request-reply", [
  {
    id: "success",
    title: "A request is answered with what the responder returns.",
    guarantee: "G13",
    needs: ["requestReply"],
    async run(context) {
      const client = await context.connect();
      const doubled = numberService(context);
      await client.respond(doubled, (n) => n * 2);
      assert.equal(await client.request(doubled, 21), 42);
    },
  },
  {
    id: "between-clients",
    title: "Requester and responder may be different clients, and headers travel with the request.",
    guarantee: "G13",
    needs: ["requestReply"],
    async run(context) {
      const responder = await context.connect();
      const requester = await context.connect();
      const greeting = context.queue<string, string, string>({ reply: {} });
      await responder.respond(greeting, (name, { headers, correlationId }) => {
        assert.ok(correlationId !== undefined && correlationId !== "", "a request has a correlation id");
        return `${headers.greeting ?? "none"}, ${name}`;
      });
      const reply = await requester.request(greeting, "Ada", { headers: { greeting: "Grüß Gott" } });
      assert.equal(reply, "Grüß Gott, Ada");
    },
  },
  {
    id: "error",
    title:
      "What the responder throws comes back as an error, with a message only where it says so, and is not retried.",
    guarantee: "G13",
    needs: ["requestReply"],
    async run(context) {
      const client = await context.connect();
      const service = numberService(context);
      let calls = 0;
      await client.respond(service, (n) => {
        calls++;
        if (n === 1) throw new ReplyError("NO_ACCOUNT", "there is no such account: ünknown");
        throw new RangeError("the password of the database is wrong");
      });
      const said = await failure(() => client.request(service, 1), "REMOTE_ERROR");
      assert.match(said.message, /there is no such account: ünknown/);
      assert.equal(said.details.code, "NO_ACCOUNT");
      const unsaid = await failure(() => client.request(service, 2), "REMOTE_ERROR");
      assert.doesNotMatch(JSON.stringify([unsaid.message, unsaid.details]), /password/);
      await context.never("a request is handled again", () => calls > 2);
    },
  },
  {
    id: "typed-error",
    title: "The code of an error that the responder throws comes back in `details`.",
    guarantee: "G13",
    needs: ["requestReply"],
    async run(context) {
      const client = await context.connect();
      const service = numberService(context);
      await client.respond(service, () => {
        throw new NonRetryableError("the account is closed");
      });
      const error = await failure(() => client.request(service, 1), "REMOTE_ERROR");
      assert.equal(error.details.code, "HANDLER_FAILED");
      assert.equal(error.retryable, false);
    },
  },
  {
    id: "invalid-request",
    title: "A request that the responder's schema refuses comes back as an error at once.",
    guarantee: "G13",
    needs: ["requestReply"],
    async run(context) {
      const client = await context.connect();
      const strict = context.queue<number, number, number>({ schema: onlyPositive, reply: {} });
      const loose = { ...numberService(context), name: strict.name };
      await client.respond(strict, (n) => n);
      const error = await failure(() => client.request(loose, -1), "REMOTE_ERROR");
      assert.equal(error.details.code, "VALIDATION_FAILED");
    },
  },
  {
    id: "timeout",
    title: "Without an answer in time the request fails as REQUEST_TIMEOUT, soon after that time.",
    guarantee: "G12",
    needs: ["requestReply"],
    async run(context) {
      const client = await context.connect();
      const service = numberService(context);
      await client.topology.declare(service);
      const before = performance.now();
      const error = await failure(() => client.request(service, 1, { timeoutMs: 400 }), "REQUEST_TIMEOUT");
      const took = performance.now() - before;
      assert.equal(error.retryable, true);
      assert.ok(took >= 395, `it gave up after ${took} ms`);
      assert.ok(took < 5000, `it gave up only after ${took} ms`);
    },
  },
  {
    id: "expired-request",
    title: "A request that nobody waits for any more is not answered by a responder that comes later.",
    guarantee: "G12",
    needs: ["requestReply"],
    async run(context) {
      const client = await context.connect();
      const service = numberService(context);
      await client.topology.declare(service);
      await failure(() => client.request(service, 1, { timeoutMs: 300 }), "REQUEST_TIMEOUT");
      const asked: number[] = [];
      await client.respond(service, (n) => {
        asked.push(n);
        return n;
      });
      assert.equal(await client.request(service, 2), 2);
      await context.never("the old request is handled", () => asked.length > 1);
      assert.deepEqual(asked, [2]);
    },
  },
  {
    id: "abort",
    title: "An abort signal ends the wait, before the request is sent as well as during it.",
    guarantee: "G12",
    needs: ["requestReply"],
    async run(context) {
      const client = await context.connect();
      const service = numberService(context);
      const gate = new Gate();
      let calls = 0;
      await client.respond(service, async (n) => {
        calls++;
        await gate.opened;
        return n;
      });
      await failure(() => client.request(service, 1, { signal: AbortSignal.abort() }), "ABORTED");
      assert.equal(calls, 0);
      const controller = new AbortController();
      const asking = failure(() => client.request(service, 2, { signal: controller.signal }), "ABORTED");
      await context.eventually("the request arrives", () => calls === 1);
      controller.abort();
      await context.inTime("the wait ends", 1000, asking);
      gate.open();
    },
  },
  {
    id: "in-parallel",
    title: "A thousand requests at once each get their own answer.",
    guarantee: "G13",
    needs: ["requestReply"],
    async run(context) {
      const responder = await context.connect();
      const requester = await context.connect();
      const service = numberService(context);
      let calls = 0;
      await responder.respond(service, { concurrency: 50 }, async (n) => {
        calls++;
        // Answers overtake each other, so that a crossed one would be seen.
        if (n % 7 === 0) await new Promise(setImmediate);
        return n * 2;
      });
      const asked = Array.from({ length: 1000 }, (_, n) => n);
      const replies = await Promise.all(asked.map((n) => requester.request(service, n)));
      assert.deepEqual(
        replies,
        asked.map((n) => n * 2),
      );
      assert.equal(calls, 1000);
    },
  },
  {
    id: "many-requesters",
    title: "Clients that ask the same service at once never see each other's answers.",
    guarantee: "G13",
    needs: ["requestReply"],
    async run(context) {
      const responder = await context.connect();
      const service = context.queue<string, string, string>({ reply: {} });
      await responder.respond(service, { concurrency: 20 }, (who) => `for ${who}`);
      await Promise.all(
        ["ann", "ben", "cy"].map(async (who) => {
          const requester = await context.connect();
          const asked = Array.from({ length: 50 }, (_, n) => `${who} ${n}`);
          const replies = await Promise.all(asked.map((one) => requester.request(service, one)));
          assert.deepEqual(
            replies,
            asked.map((one) => `for ${one}`),
          );
        }),
      );
    },
  },
  {
    id: "several-responders",
    title: "Several responders share the requests: each is answered once.",
    guarantee: "G13",
    needs: ["requestReply"],
    async run(context) {
      const service = numberService(context);
      const calls = [0, 0];
      for (const which of [0, 1]) {
        const responder = await context.connect();
        await responder.respond(service, { concurrency: 5, prefetch: 5 }, async (n) => {
          calls[which] = (calls[which] ?? 0) + 1;
          await new Promise(setImmediate);
          return n;
        });
      }
      const requester = await context.connect();
      // What is asked in one turn may travel as one batch to one member, and a member that has
      // just joined may have its share a moment later: so it is asked in waves.
      let asked = 0;
      const until = Date.now() + 30_000;
      while (asked < 300 || (calls.includes(0) && Date.now() < until)) {
        const wave = Array.from({ length: 30 }, () => asked++);
        assert.deepEqual(await Promise.all(wave.map((n) => requester.request(service, n))), wave);
      }
      assert.equal((calls[0] ?? 0) + (calls[1] ?? 0), asked);
      assert.ok(
        calls.every((count) => count > 0),
        `one did all the work: ${calls}`,
      );
    },
  },
  {
    id: "late-reply",
    title: "An answer that comes after the timeout is ignored, and the next request gets its own.",
    guarantee: "G13",
    needs: ["requestReply"],
    async run(context) {
      const client = await context.connect();
      const service = numberService(context);
      const gate = new Gate();
      let answered = 0;
      await client.respond(service, async (n) => {
        if (n === 1) await gate.opened;
        answered++;
        return n;
      });
      // A request that has expired on its way gets no reply, so it has time to arrive.
      await failure(() => client.request(service, 1, { timeoutMs: 3000 }), "REQUEST_TIMEOUT");
      gate.open();
      await context.eventually("the late answer is given", () => answered === 1);
      assert.equal(await client.request(service, 2), 2);
      assert.equal(await client.request(service, 3), 3);
      assert.deepEqual(context.background, []);
    },
  },
  {
    id: "responder-crash",
    title: "A request whose responder dies is answered by another, or times out: it never hangs.",
    guarantee: "G13",
    needs: ["requestReply"],
    parts: ["crash"],
    timeoutMs: 120_000,
    async run(context) {
      const crashable = await context.crashable();
      const doomed = await context.connect({ onError: () => undefined }, crashable.driver);
      const service = numberService(context);
      let taken = 0;
      await doomed.respond(service, () => {
        taken++;
        return new Promise<number>(() => undefined);
      });
      const requester = await context.connect();
      const asking = requester.request(service, 7, { timeoutMs: 20_000 });
      const outcome = asking.then(
        (value) => value,
        (error: { readonly code?: string }) => error.code,
      );
      await context.eventually("the doomed one has it", () => taken === 1);
      await crashable.die();
      const replacement = await context.connect({}, crashable.replacement);
      await replacement.respond(service, (n) => n);
      const result = await context.inTime("an answer or a timeout", 25_000, outcome);
      assert.ok(result === 7 || result === "REQUEST_TIMEOUT", `it ended with ${String(result)}`);
      assert.equal(await requester.request(service, 8), 8);
    },
  },
  {
    id: "requester-restarts",
    title: "After a requester closed and another took its place, no stale answer reaches the new one.",
    guarantee: "G13",
    needs: ["requestReply"],
    async run(context) {
      const responder = await context.connect();
      const service = numberService(context);
      const gate = new Gate();
      const asked: number[] = [];
      await responder.respond(service, async (n) => {
        asked.push(n);
        if (n < 10) await gate.opened;
        return n;
      });
      const first = await context.connect();
      const abandoned = [1, 2, 3].map((n) => failure(() => first.request(service, n), "CLOSED", "ABORTED"));
      await context.eventually("they are being handled", () => asked.length === 3);
      await first.close({ timeoutMs: 100 });
      await context.inTime("the abandoned requests end", 1000, Promise.all(abandoned));
      const second = await context.connect();
      gate.open();
      assert.deepEqual(await Promise.all([10, 11, 12].map((n) => second.request(service, n))), [10, 11, 12]);
      assert.equal(responder.health().status, "up");
    },
  },
  {
    id: "responder-in-another-process",
    title: "A responder may be another process.",
    guarantee: "G13",
    needs: ["requestReply"],
    parts: ["url"],
    async run(context) {
      const url = part(context.target, "url");
      const client = await context.connect();
      const service = context.queue<string, string, { readonly value: string; readonly pid: number }>({
        reply: {},
      });
      await client.topology.declare(service);
      const worker = await startWorker({
        reach: url,
        queue: service.name,
        ordered: false,
        handler: "answer",
        concurrency: 10,
        prefetch: 20,
        attempts: 1,
      });
      context.atEnd(() => worker.kill("SIGKILL"));
      assert.deepEqual(await client.request(service, "hello"), { value: "hello", pid: worker.pid });
      await answersAll(client, service);
    },
  },
  {
    id: "after-a-reconnect",
    title: "Requests work again after the requester's connection was lost.",
    guarantee: "G10",
    needs: ["requestReply"],
    parts: ["endpoint"],
    async run(context) {
      const proxy = await context.proxy();
      const requester = await context.connect({}, context.driver(proxy.endpoint));
      const responder = await context.connect();
      const service = numberService(context);
      await responder.respond(service, (n) => n);
      assert.equal(await requester.request(service, 1), 1);
      proxy.reset();
      // A request that is cut off may time out; one that is asked again must be answered.
      await context.eventually("an answer", async () => {
        const answer = await requester.request(service, 2, { timeoutMs: 3000 }).catch(() => undefined);
        return answer === 2;
      });
    },
  },
]);

const numberService = (context: Context) => context.queue<number, number, number>({ reply: {} });

async function answersAll(
  client: AnyClient,
  service: QueueContract<string, string, unknown, { readonly value: string; readonly pid: number }>,
): Promise<void> {
  const asked = Array.from({ length: 100 }, (_, n) => `question ${n}`);
  const replies = await Promise.all(asked.map((one) => client.request(service, one)));
  assert.deepEqual(
    replies.map(({ value }) => value),
    asked,
  );
}
