import { nothingStarted } from "@waybill/core/spi";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  ack,
  call,
  consume,
  ids,
  message,
  messages,
  publish,
  receive,
  receiveFor,
  sleep,
  until,
} from "../../../scripts/testing/workbench.ts";
import { classify } from "../src/errors.ts";
import { MemoryStore } from "../src/groups/memory-checkpoint-store.ts";
import { EventHubsPartition } from "../src/receiving/partition.ts";
import { EmulatedBench } from "./emulated.ts";

let bench: EmulatedBench;
beforeAll(async () => {
  bench = await EmulatedBench.start();
});
afterEach(() => bench.end());
afterAll(() => bench.emulator.close());

const codes = (outcomes: readonly { readonly ok: boolean; readonly cause?: unknown }[]) =>
  outcomes.map((outcome) => (outcome.ok ? "ok" : classify(outcome.cause)?.code));

describe("what the service says when publishing", () => {
  it("is passed on when it throttles, and the link goes on", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    bench.emulator.faults.throttle({ hub: queue.brokerName });
    expect(codes(await connection.publish(queue, [message()], call))).toEqual(["OVERLOADED"]);
    expect(codes(await connection.publish(queue, [message()], call))).toEqual(["ok"]);
  });

  it("fails what comes after a failed batch of its partition, so that no later message overtakes", async () => {
    const connection = await bench.connect({ maxMessageBytes: 20_000 });
    const queue = await bench.made(connection, "queue", { ordered: true });
    const sent = messages(6, () => ({ key: "same", body: new Uint8Array(9_000) }));
    bench.emulator.faults.throttle({ hub: queue.brokerName });
    expect(codes(await connection.publish(queue, sent, call))).toEqual(sent.map(() => "OVERLOADED"));
    await publish(connection, queue, sent);
    const consumer = await consume(connection, queue);
    expect(ids(await receive(consumer, 6))).toEqual(ids(sent));
  });

  it("ends a link, and the next publish has a new one", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    await publish(connection, queue, [message()]);
    bench.emulator.faults.inject({
      on: "publish",
      action: "detach",
      hub: queue.brokerName,
      condition: "amqp:link:detach-forced",
    });
    expect(codes(await connection.publish(queue, [message()], call))).toEqual(["CONNECTION_LOST"]);
    expect(codes(await connection.publish(queue, [message()], call))).toEqual(["ok"]);
    expect(bench.lost).toEqual([]);
  });

  it("refuses keys on the link of a partition: then each key goes by itself, in order all the same", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", { ordered: true });
    bench.emulator.faults.inject({
      on: "publish",
      action: "refuse",
      hub: queue.brokerName,
      condition: "amqp:not-allowed",
    });
    const sent = messages(30, (i) => ({ key: `k${i % 3}` }));
    await publish(connection, queue, sent);
    const consumer = await consume(connection, queue);
    const got = await receive(consumer, 30);
    for (const key of ["k0", "k1", "k2"]) {
      const own = (of: readonly { readonly id: string; readonly key: string | undefined }[]) =>
        ids(of.filter((one) => one.key === key));
      expect(own(got)).toEqual(own(sent));
    }
  });

  it("takes halves of a batch where the tier allows less than the option says", async () => {
    const connection = await bench.connect({ maxMessageBytes: 4_000_000 });
    const queue = await bench.made(connection, "queue");
    const sent = messages(15, () => ({ body: new Uint8Array(200_000) }));
    await publish(connection, queue, sent);
    const consumer = await consume(connection, queue);
    expect(ids(await receive(consumer, 15)).toSorted()).toEqual(ids(sent).toSorted());
    const [outcome] = await connection.publish(queue, [message({ body: new Uint8Array(1_200_000) })], call);
    expect(codes([outcome as NonNullable<typeof outcome>])).toEqual(["MESSAGE_TOO_LARGE"]);
  });

  it("of which the first half fails is told of the second one too, which was never sent", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const { faults } = bench.emulator;
    faults.inject({
      on: "publish",
      action: "refuse",
      hub: queue.brokerName,
      condition: "amqp:link:message-size-exceeded",
    });
    faults.throttle({ hub: queue.brokerName });
    const outcomes = await connection.publish(queue, messages(4), call);
    expect(codes(outcomes)).toEqual(Array(4).fill("OVERLOADED"));
    const consumer = await consume(connection, queue);
    expect(await receiveFor(consumer, 300)).toEqual([]);
  });
});

describe("credentials", () => {
  it("that are wrong are refused when connecting, without the key in the error", async () => {
    const cause = await bench.connect({ key: "d3Jvbmc=" }).catch((error: unknown) => error);
    expect(classify(cause)?.code).toBe("AUTHENTICATION_FAILED");
    expect(String(cause)).not.toContain("d3Jvbmc=");
  });

  it("that the service refuses later are told by what needs them", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const other = await bench.connect();
    bench.emulator.faults.inject({ on: "token", action: "refuse", condition: "amqp:unauthorized-access" });
    expect(codes(await other.publish(queue, [message()], call))).toEqual(["AUTHENTICATION_FAILED"]);
    expect(codes(await other.publish(queue, [message()], call))).toEqual(["ok"]);
  });
});

describe("topology", () => {
  it("makes a hub all the same after a conflict with what somebody else was just doing to it", async () => {
    const connection = await bench.connect();
    bench.emulator.faults.inject({
      on: "http",
      action: "refuse",
      condition: "com.microsoft:entity-already-exists",
    });
    const queue = await bench.made(connection, "queue");
    expect(bench.emulator.faults.list(), "there was a conflict").toEqual([]);
    await publish(connection, queue, [message()]);
  });
});

describe("reading", () => {
  it("goes on behind the last message when a link is ended for a passing reason", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const consumer = await consume(connection, queue);
    const sent = messages(40);
    await publish(connection, queue, sent.slice(0, 20));
    const before = await receive(consumer, 20);
    expect(bench.emulator.faults.detach({ hub: queue.brokerName, role: "receive" })).toBeGreaterThan(0);
    await publish(connection, queue, sent.slice(20));
    const after = await receive(consumer, 20);
    expect(ids([...before, ...after]).toSorted()).toEqual(ids(sent).toSorted());
    expect(await receiveFor(consumer, 300), "and nothing twice").toEqual([]);
    expect(bench.lost).toEqual([]);
  });

  it("takes no more bytes ahead than it may, and gets everything all the same", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", { ordered: true });
    const sent = messages(80, (i) => ({ key: `k${i}`, body: new Uint8Array(100_000) }));
    for (const one of sent) await publish(connection, queue, [one]);
    const partitions = new Set<EventHubsPartition>();
    let most = 0;
    const accept = EventHubsPartition.prototype.accept;
    vi.spyOn(EventHubsPartition.prototype, "accept").mockImplementation(function (
      this: EventHubsPartition,
      ...args
    ) {
      accept.apply(this, args);
      if (this.hub === queue.brokerName) partitions.add(this);
      most = Math.max(
        most,
        [...partitions].reduce((sum, { bytes }) => sum + bytes, 0),
      );
    });
    const prefetchBytes = 3_000_000;
    const consumer = await consume(connection, queue, { prefetch: 400, prefetchBytes });
    // At first a message might be as large as they come; after some of them it is known better.
    const got = [...(await receive(consumer, 30))];
    await sleep(500);
    expect(most).toBeGreaterThan(prefetchBytes / 2);
    got.push(...(await receive(consumer, 50)));
    expect(most).toBeLessThanOrEqual(prefetchBytes);
    expect(ids(got).toSorted()).toEqual(ids(sent).toSorted());
    vi.restoreAllMocks();
  });

  it("of a partition that another owner takes is over, and what comes of it cannot be settled", async () => {
    const connection = await bench.connect({ partitions: 1 });
    const queue = await bench.made(connection, "queue");
    const gone: string[] = [];
    const consumer = await consume(connection, queue, { revoked: (partitions) => gone.push(...partitions) });
    await publish(connection, queue, [message()]);
    const [delivery] = await receive(consumer, 1);
    bench.emulator.faults.detach({ hub: queue.brokerName, role: "receive", condition: "amqp:link:stolen" });
    await until(() => gone.length === 1);
    expect(gone).toEqual([delivery?.partition]);
    expect(await ack(consumer, [delivery as NonNullable<typeof delivery>])).toEqual(["lost"]);
    const again = await receive(consumer, 1);
    expect(ids(again), "nobody else has it after all").toEqual([delivery?.id]);
  });

  it("ends when the hub is deleted, and says so", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const consumer = await consume(connection, queue);
    await publish(connection, queue, [message()]);
    await receive(consumer, 1);
    bench.emulator.deleteHub(queue.brokerName);
    const cause = await receiveUntilItFails(consumer);
    expect(classify(cause)?.code).toBe("NOT_FOUND");
  });
});

describe("a connection", () => {
  it("that is cut is told to core, and calls on it fail at once", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    bench.emulator.faults.disconnect();
    await until(() => bench.lost.length === 1);
    expect(classify(bench.lost[0])?.code).toBe("CONNECTION_LOST");
    expect(codes(await connection.publish(queue, [message()], call))).toEqual(["CONNECTION_LOST"]);
  });
});

describe("a checkpoint store of the user's own", () => {
  it("is not closed with a connection, since the next one needs it", async () => {
    const store = Object.assign(new MemoryStore(), { close: vi.fn(async () => {}) });
    const connection = await bench.connect({ checkpointStore: store });
    await connection.close();
    expect(store.close).not.toHaveBeenCalled();
  });
});

describe("a checkpoint store that is down", () => {
  class Breakable extends MemoryStore {
    down = false;
    override async claimOwnership(...claims: Parameters<MemoryStore["claimOwnership"]>) {
      this.#check();
      return super.claimOwnership(...claims);
    }
    override async updateCheckpoint(...update: Parameters<MemoryStore["updateCheckpoint"]>) {
      this.#check();
      return super.updateCheckpoint(...update);
    }
    #check(): void {
      if (this.down) throw Object.assign(new Error("no storage"), { code: "ECONNREFUSED" });
    }
  }

  it("fails settlements, which loses nothing; after a session the consumer gives up and says why", async () => {
    const store = new Breakable();
    const connection = await bench.connect({ checkpointStore: store });
    const queue = await bench.made(connection, "queue");
    const consumer = await consume(connection, queue);
    const sent = messages(10);
    await publish(connection, queue, sent);
    const deliveries = await receive(consumer, 10);
    store.down = true;
    await ack(consumer, deliveries);
    await until(() => bench.reports.length > 0);
    for (const outcome of await ack(consumer, deliveries)) {
      expect(classify((outcome as { cause?: unknown }).cause)?.code).toBe("UNREACHABLE");
    }
    expect(classify(await receiveUntilItFails(consumer))?.code).toBe("UNREACHABLE");
    store.down = false;
    await consumer.close(nothingStarted);
    const next = await consume(connection, queue);
    expect(ids(await receive(next, 10)).toSorted()).toEqual(ids(sent).toSorted());
  });
});

async function receiveUntilItFails(consumer: Awaited<ReturnType<typeof consume>>): Promise<unknown> {
  for (let tries = 0; tries < 20; tries++) {
    try {
      await consumer.receive(10, { signal: AbortSignal.timeout(1_000) });
    } catch (cause) {
      return cause;
    }
  }
  throw new Error("It went on.");
}
