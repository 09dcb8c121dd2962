import { nothingStarted } from "@waybill/core/spi";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  ack,
  call,
  consume,
  receive,
  sleep,
  take,
  texts,
  until,
} from "../../../scripts/testing/workbench.ts";
import { classify, status } from "../src/errors.ts";
import { Failure, type Handler } from "./fake-service.ts";
import { bodiesOf, queue, Stage } from "./stage.ts";

const stage = new Stage();
afterEach(async () => {
  await stage.end();
  vi.restoreAllMocks();
});

/** Hands out these messages once, then waits as the service does. */
function onceIn(subscription: string, ...bodies: readonly string[]): Handler {
  let given = false;
  return (request) => {
    if (given || !String(request.subscription).endsWith(`/${subscription}`)) return "never";
    given = true;
    const receivedMessages = bodies.map((body) => ({
      ackId: `id of ${body}`,
      message: { messageId: body, data: Buffer.from(body), publishTime: { seconds: 1, nanos: 0 } },
    }));
    return { receivedMessages };
  };
}

/** From now on the adapter's clock of leases is ahead by what this is called with. */
function clock(): { pass(ms: number): void } {
  const real = performance.now.bind(performance);
  let ahead = 0;
  vi.spyOn(performance, "now").mockImplementation(() => real() + ahead);
  return {
    pass: (ms) => {
      ahead += ms;
    },
  };
}

const idsOf = (request: Record<string, unknown> | undefined) => request?.ackIds as string[];

describe("consuming", () => {
  it("says of each ack under exactly-once delivery what became of it", async () => {
    const connection = await stage.connected({ Pull: onceIn("jobs", "a", "b", "c") }, { exactlyOnce: true });
    const consumer = await consume(connection, queue);
    const deliveries = await consumer.receive(10, call);
    stage.service.on(
      "Acknowledge",
      () =>
        new Failure(status.FAILED_PRECONDITION, "Some acknowledgement ids in the request were invalid.", {
          "id of b": "PERMANENT_FAILURE_INVALID_ACK_ID",
          "id of c": "TRANSIENT_FAILURE_OTHER",
        }),
    );
    const [a, b, c] = await ack(consumer, deliveries);
    expect([a, b]).toEqual(["settled", "lost"]);
    const cause = typeof c === "object" ? c.cause : undefined;
    expect(classify(cause)).toMatchObject({ code: "UNREACHABLE" });
    stage.service.on("Acknowledge", () => ({}));
    expect(await ack(consumer, deliveries.slice(2))).toEqual(["settled"]);
  });

  it("goes on after pulls that failed in passing, with what it holds", async () => {
    let failures = 0;
    const then = onceIn("jobs", "a");
    const connection = await stage.connected({
      Pull: (request) =>
        String(request.subscription).endsWith("/jobs") && failures++ < 3
          ? new Failure(status.UNAVAILABLE, "The service was unable to fulfill your request.")
          : then(request),
    });
    const consumer = await consume(connection, queue);
    expect(texts(await consumer.receive(10, call))).toEqual(["a"]);
  });

  it("rests after a pull that failed, whatever is settled meanwhile", async () => {
    const bodies = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const then = onceIn("jobs", ...bodies);
    const unavailable = new Failure(status.UNAVAILABLE, "The service was unable to fulfill your request.");
    const pull: Handler = (request) => {
      const answer = then(request);
      return answer === "never" && String(request.subscription).endsWith("/jobs") ? unavailable : answer;
    };
    const connection = await stage.connected({ Pull: pull }, { pulls: 1 });
    const consumer = await consume(connection, queue);
    const deliveries = await consumer.receive(10, call);
    for (const delivery of deliveries) await ack(consumer, [delivery]);
    stage.service.on("Pull", onceIn("jobs", "late"));
    expect(texts(await consumer.receive(10, call))).toEqual(["late"]);
  });

  it("moves what is delayed to the group's own topic as the service takes it, and acks no more than that", async () => {
    const now = Math.floor(Date.now() / 1_000);
    const early = (body: string, orderingKey = "") => ({
      ackId: `id of ${body}`,
      message: {
        messageId: body,
        data: Buffer.from(body),
        publishTime: { seconds: now, nanos: 0 },
        attributes: { "waybill-delay": "60000" },
        orderingKey,
      },
    });
    let given = false;
    const connection = await stage.connected({
      Pull: ({ subscription }) => {
        if (given || !String(subscription).endsWith("/jobs")) return "never";
        given = true;
        return { receivedMessages: [early("a"), early("bad"), early("b", "k1"), early("c", "k2")] };
      },
      Publish: ({ messages }) => {
        const keys = (messages as { orderingKey: string }[]).map(({ orderingKey }) => orderingKey);
        if (new Set(keys).size > 1)
          return new Failure(status.FAILED_PRECONDITION, "all messages must have the same ordering key");
        const bad = bodiesOf(messages).includes("bad");
        return bad ? new Failure(status.INVALID_ARGUMENT, "as recorded") : { messageIds: ["1"] };
      },
    });
    await consume(connection, queue);
    const acked = () => stage.service.asked("Acknowledge").flatMap(idsOf).sort();
    await until(() => acked().length >= 3);
    expect(acked()).toEqual(["id of a", "id of b", "id of c"]);
    for (const { topic } of stage.service.asked("Publish")) expect(topic).toMatch(/\/jobs\.\.returns$/);
  });

  it("says so when pulling is refused", async () => {
    const connection = await stage.connected({
      Pull: () => new Failure(status.PERMISSION_DENIED, "Not you."),
    });
    const consumer = await consume(connection, queue);
    await expect(consumer.receive(10, call)).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  });

  it("never has more out than the prefetch, and an eighth for what returns", async () => {
    const asked = new Map<string, number>();
    const connection = await stage.connected({
      Pull: ({ subscription, maxMessages }) => {
        const name = String(subscription);
        asked.set(name, (asked.get(name) ?? 0) + Number(maxMessages));
        return "never";
      },
    });
    await consume(connection, queue, { prefetch: 16 });
    const sorted = () => [...asked.values()].sort((a, b) => a - b);
    await until(() => sorted().join() === "2,16");
    await sleep(50);
    expect(sorted()).toEqual([2, 16]);
  });

  it("never has more bytes out than the prefetch, judged by what came, and fetches more as they are settled", async () => {
    let left = 100;
    let largest = 0;
    let given = 0;
    const connection = await stage.connected(
      {
        Pull: ({ subscription, maxMessages }) => {
          if (!String(subscription).endsWith("/jobs") || left === 0) return "never";
          largest = Math.max(largest, Number(maxMessages));
          const count = Math.min(left, Number(maxMessages));
          left -= count;
          const receivedMessages = Array.from({ length: count }, () => ({
            ackId: `id ${given++}`,
            message: { messageId: "m", data: Buffer.alloc(1_000), publishTime: { seconds: 1, nanos: 0 } },
          }));
          return { receivedMessages };
        },
      },
      { pulls: 1 },
    );
    const consumer = await consume(connection, queue, { prefetch: 100, prefetchBytes: 40_000 });
    const held = await receive(consumer, 40, 1_000);
    expect(given).toBeLessThanOrEqual(40);
    expect(held).toHaveLength(given);
    await sleep(200);
    expect(given).toBe(held.length);
    await ack(consumer, held);
    expect((await consumer.receive(100, call)).length).toBeGreaterThan(0);
    expect(largest).toBeLessThanOrEqual(40);
  });

  it("fetches one message, however large, when it holds nothing", async () => {
    const connection = await stage.connected({ Pull: onceIn("jobs", "large") });
    const consumer = await consume(connection, queue, { prefetchBytes: 1 });
    expect(texts(await consumer.receive(10, call))).toEqual(["large"]);
    for (const { subscription, maxMessages } of stage.service.asked("Pull"))
      if (String(subscription).endsWith("/jobs")) expect(maxMessages).toBe(1);
  });

  it("takes nothing of what the service counts for attempts: what was handed back untried is in it", async () => {
    const connection = await stage.connected({
      Pull: ({ subscription }) =>
        String(subscription).endsWith("/jobs")
          ? { receivedMessages: [{ ackId: "id", deliveryAttempt: 7, message: { messageId: "m" } }] }
          : "never",
    });
    const consumer = await consume(connection, queue);
    const [delivery] = await consumer.receive(1, call);
    expect(delivery?.redeliveries).toBe(0);
  });

  it("goes on with what returns while nothing else comes", async () => {
    let given = 0;
    const connection = await stage.connected(
      {
        Pull: (request) =>
          String(request.subscription).endsWith("..returns")
            ? onceIn("jobs..returns", `retry ${++given}`)(request)
            : "never",
      },
      { leaseMs: 60_000 },
    );
    const consumer = await consume(connection, queue, { prefetch: 8 });
    const retries = ["retry 1", "retry 2", "retry 3", "retry 4", "retry 5"];
    expect(texts(await take(consumer, retries.length, 10_000))).toEqual(retries);
  });

  it("fills what room there is beside handlers that never end", async () => {
    const stuck = onceIn("jobs", "a", "b", "c", "d", "e", "f", "g");
    const other = onceIn("jobs", "other");
    const pull: Handler = (request) => {
      const answer = stuck(request);
      return answer === "never" ? other(request) : answer;
    };
    const connection = await stage.connected({ Pull: pull }, { pulls: 1 });
    const consumer = await consume(connection, queue, { prefetch: 8 });
    expect(await consumer.receive(10, call)).toHaveLength(7);
    expect(texts(await consumer.receive(10, call))).toEqual(["other"]);
  });

  it("hands back at once what is unsettled when it closes", async () => {
    const connection = await stage.connected({ Pull: onceIn("jobs", "a", "b", "c") });
    const consumer = await consume(connection, queue);
    const deliveries = await consumer.receive(2, call);
    await ack(consumer, deliveries.slice(0, 1));
    stage.service.requests.length = 0;
    await consumer.close(nothingStarted);
    const handedBack = stage.service.asked("ModifyAckDeadline");
    expect(handedBack.map(({ ackDeadlineSeconds }) => ackDeadlineSeconds)).toEqual([0]);
    expect(new Set(idsOf(handedBack[0]))).toEqual(new Set(["id of b", "id of c"]));
    expect(await ack(consumer, deliveries.slice(1))).toEqual(["lost"]);
  });

  it("takes a lease for over when it could not be renewed, and acks nobody else's delivery", async () => {
    const connection = await stage.connected({ Pull: onceIn("jobs", "a", "b") }, { leaseMs: 20_000 });
    const consumer = await consume(connection, queue);
    const { pass } = clock();
    const deliveries = await consumer.receive(10, call);
    pass(10_000);
    expect(await consumer.extend?.(deliveries.slice(0, 1), call)).toEqual([]);
    pass(10_000);
    expect(await consumer.extend?.(deliveries, call)).toEqual(deliveries.slice(1));
    expect(await ack(consumer, deliveries)).toEqual(["settled", "lost"]);
    expect(stage.service.asked("Acknowledge").flatMap(idsOf)).toEqual(["id of a"]);
  });

  it("renews all leases but the one that the service knows to be over", async () => {
    const options = { leaseMs: 20_000, exactlyOnce: true };
    const connection = await stage.connected({ Pull: onceIn("jobs", "a", "b") }, options);
    const consumer = await consume(connection, queue);
    const { pass } = clock();
    const deliveries = await consumer.receive(10, call);
    stage.service.on(
      "ModifyAckDeadline",
      () =>
        new Failure(status.FAILED_PRECONDITION, "Some acknowledgement ids in the request were invalid.", {
          "id of a": "PERMANENT_FAILURE_INVALID_ACK_ID",
        }),
    );
    pass(10_000);
    expect(await consumer.extend?.(deliveries, call)).toEqual(deliveries.slice(0, 1));
    pass(10_000);
    expect(await ack(consumer, deliveries)).toEqual(["lost", "settled"]);
  });

  it("keeps for a slow reader of its own what it has not read, for as long as that costs nothing", async () => {
    const connection = await stage.connected();
    await consume(connection, { ...queue, kind: "topic" });
    await consume(connection, { ...queue, kind: "inbox", name: "replies", brokerName: "replies" });
    const kept = stage.service
      .asked("CreateSubscription")
      .map(({ messageRetentionDuration }) => (messageRetentionDuration as { seconds: number }).seconds);
    expect(kept).toEqual([23 * 3_600, 600]);
  });
});
