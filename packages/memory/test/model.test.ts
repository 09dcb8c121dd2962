import type { ReceivedMessage } from "@waybill/core/spi";
import { expect, test } from "vitest";
import { randomFrom } from "./random.ts";
import { message, queue, type TestConsumer, workbench } from "./workbench.ts";

const leaseMs = 100;

/** What must be true of one message, kept apart from the broker. */
interface Expected {
  readonly id: string;
  readonly key: string | undefined;
  readonly expiresAt: number;
  dueAt: number;
  failures: number;
  acked: boolean;
  held: { readonly delivery: ReceivedMessage; readonly consumer: TestConsumer; until: number } | undefined;
}

/**
 * Runs a random program against the broker and a small model of what a queue
 * promises; the same seed is the same program.
 */
async function run(seed: number, ordered: boolean): Promise<void> {
  const random = randomFrom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const bench = await workbench({ leaseMs });
  const { clock, broker } = bench;
  const jobs = queue("q", { ordered });
  await bench.ensure(jobs);
  const messages: Expected[] = [];
  const connections = [await bench.connect(), await bench.connect()];
  const consumers: TestConsumer[] = [];
  const consume = (over = connections[below(2)]) =>
    bench.consume(jobs, over === undefined ? {} : { over }).then((consumer) => consumers.push(consumer));
  for (let i = 0; i < 3; i++) await consume();

  const held = (of: (one: Expected) => boolean = () => true) =>
    messages.filter((one) => one.held !== undefined && of(one));
  /** These go back, and with them what is in flight of their keys and came later. */
  const release = (released: readonly Expected[], failed: boolean) => {
    for (const one of released) {
      one.held = undefined;
      if (failed) one.failures++;
    }
    for (const one of ordered ? released.filter(({ key }) => key !== undefined) : []) {
      for (const later of messages.slice(messages.indexOf(one)))
        if (later.key === one.key) later.held = undefined;
    }
  };

  const steps: Record<string, () => Promise<void>> = {
    async publish() {
      const key = random() < 0.6 ? "abc"[below(3)] : undefined;
      // With a key, a delay or an expiry would make the expected order a matter of taste.
      const delayMs = key === undefined && random() < 0.3 ? below(200) : 0;
      const ttlMs = key === undefined && random() < 0.2 ? below(300) : Number.POSITIVE_INFINITY;
      const expiresAt = clock.now() + ttlMs;
      const sent = message("", { key, delayMs, ...(Number.isFinite(ttlMs) ? { expiresAt } : {}) });
      await connections[0]?.publish(jobs, [sent], { signal: new AbortController().signal });
      const { id } = sent;
      const dueAt = clock.now() + delayMs;
      messages.push({ id, key, expiresAt, dueAt, failures: 0, acked: false, held: undefined });
    },
    async receive() {
      const consumer = consumers[below(consumers.length)] as TestConsumer;
      for (const delivery of await consumer.poll(1 + below(4))) {
        const one = messages.find(({ id }) => id === delivery.id) as Expected;
        expect(one.acked, "it was not acked").toBe(false);
        expect(one.held, "no consumer holds it").toBeUndefined();
        expect(one.dueAt, "it is due").toBeLessThanOrEqual(clock.now());
        // What has been delivered before may have failed, and is its consumer's to judge.
        if (one.failures === 0) expect(one.expiresAt, "it has not expired").toBeGreaterThan(clock.now());
        expect(delivery.redeliveries, "its failures were counted").toBe(one.failures);
        if (ordered && one.key !== undefined) {
          const before = messages.slice(0, messages.indexOf(one)).filter(({ key }) => key === one.key);
          const fine = before.every((other) => other.acked || other.held?.consumer === consumer);
          expect(fine, "what came before it is done, or held by the same consumer").toBe(true);
        }
        one.held = { delivery, consumer, until: clock.now() + leaseMs };
      }
    },
    async ack() {
      const some = held().filter(() => random() < 0.5);
      for (const one of some) {
        expect(await one.held?.consumer.ack(one.held.delivery)).toEqual(["settled"]);
        one.held = undefined;
        one.acked = true;
      }
    },
    async retry() {
      const all = held();
      const one = all[below(all.length)];
      if (one?.held === undefined) return;
      const delayMs = below(2) * below(150);
      expect(await one.held.consumer.retry(one.held.delivery, delayMs)).toEqual(["settled"]);
      one.dueAt = clock.now() + delayMs;
      release([one], true);
    },
    async extend() {
      for (const one of held().filter(() => random() < 0.5)) {
        await one.held?.consumer.extend(one.held.delivery);
        if (one.held !== undefined) one.held.until = clock.now() + leaseMs;
      }
    },
    async wait() {
      await clock.advance(below(120));
      const ends = [...new Set(held().map((one) => one.held?.until ?? 0))].sort((a, b) => a - b);
      for (const end of ends.filter((end) => end <= clock.now())) {
        release(
          held((one) => (one.held?.until ?? end + 1) <= end),
          true,
        );
      }
    },
    async close() {
      const [consumer] = consumers.splice(below(consumers.length), 1) as [TestConsumer];
      await consumer.close();
      release(
        held((one) => one.held?.consumer === consumer),
        false,
      );
      await consume();
    },
    async crash() {
      broker.disconnect();
      release(held(), true);
      connections.splice(0, 2, await bench.connect(), await bench.connect());
      consumers.length = 0;
      for (let i = 0; i < 3; i++) await consume();
    },
  };
  const often = ["publish", "publish", "receive", "receive", "receive", "ack", "ack", "wait"];
  const seldom = ["retry", "extend", "close", "crash"];
  for (let i = 0; i < 120; i++) {
    const choice = random() < 0.8 ? often[below(often.length)] : seldom[below(seldom.length)];
    await steps[choice as string]?.();
  }

  const isDone = ({ acked, failures, expiresAt }: Expected) =>
    acked || (failures === 0 && expiresAt <= clock.now());
  for (let i = 0; i < 500 && !messages.every(isDone); i++) {
    await steps.receive?.();
    await steps.ack?.();
    if (i % 20 === 0) await steps.wait?.();
  }
  expect(
    messages.filter((one) => !isDone(one)),
    "nothing was lost",
  ).toEqual([]);
  await clock.advance(1_000);
  const left = broker.resources.queues.get("q");
  expect([left?.backlog, left?.held], "nothing is left").toEqual([0, 0]);
}

for (const ordered of [false, true]) {
  test(`whatever happens, an ${ordered ? "ordered" : "unordered"} queue keeps its guarantees`, async () => {
    for (let seed = 1; seed <= 150; seed++) {
      try {
        await run(seed, ordered);
      } catch (cause) {
        throw new Error(`The program with seed ${seed} failed.`, { cause });
      }
    }
  });
}
