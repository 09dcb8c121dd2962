import { type Address, type Connection, type ConnectionHooks, MessagingError } from "@waybill/core/spi";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  ack,
  call,
  consume,
  item,
  message,
  sleep,
  texts,
  until,
} from "../../../scripts/testing/workbench.ts";
import { classify, status } from "../src/errors.ts";
import { type GooglePubsubOptions, googlePubsub } from "../src/index.ts";
import { Failure, FakeService, type Handler } from "./fake-service.ts";

const queue: Address = {
  kind: "queue",
  name: "jobs",
  group: undefined,
  physical: "jobs",
  physicalGroup: undefined,
  ordered: false,
  retained: false,
};
const group: Address = {
  ...queue,
  kind: "group",
  name: "events",
  group: "billing",
  physical: "events",
  physicalGroup: "billing",
};
const ordered: Address = { ...queue, kind: "topic", name: "events", physical: "events", ordered: true };

let service: FakeService;
const connections: Connection[] = [];
const lost: unknown[] = [];

async function connected(
  handlers: Record<string, Handler> = {},
  options: GooglePubsubOptions = {},
): Promise<Connection> {
  service = new FakeService(handlers);
  await service.start();
  const hooks: ConnectionHooks = { lost: (cause) => void lost.push(cause), report: () => {} };
  const connection = await googlePubsub({ client: service.client(), ...options }).connect(hooks, call);
  connections.push(connection);
  return connection;
}

afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
  service.stop();
  lost.length = 0;
  vi.restoreAllMocks();
});

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

const bodiesOf = (messages: unknown) =>
  (messages as { data: Uint8Array }[]).map(({ data }) => Buffer.from(data).toString());
const idsOf = (request: Record<string, unknown> | undefined) => request?.ackIds as string[];

describe("what the service answers", () => {
  it("is told as it is, and not asked again behind core's back", async () => {
    const table = [
      [status.RESOURCE_EXHAUSTED, "OVERLOADED", true],
      [status.PERMISSION_DENIED, "PERMISSION_DENIED", false],
      [status.UNAVAILABLE, "UNREACHABLE", true],
      [status.NOT_FOUND, "NOT_FOUND", false],
      [status.FAILED_PRECONDITION, "BROKER_ERROR", false],
    ] as const;
    const connection = await connected();
    for (const [code, expected, retryable] of table) {
      service.requests.length = 0;
      service.on("Publish", () => new Failure(code, "as recorded"));
      const [outcome] = await connection.publish(queue, [message()], call);
      const found = classify(outcome?.ok === false ? outcome.cause : undefined);
      expect(found?.code).toBe(expected);
      const error = new MessagingError(found?.code ?? "BROKER_ERROR", "", {
        ...(found?.retryable === undefined ? {} : { retryable: found.retryable }),
      });
      expect(error.retryable).toBe(retryable);
      expect(service.asked("Publish")).toHaveLength(1);
    }
  });

  it("refuses expired credentials when connecting", async () => {
    const refusal = () => new Failure(status.UNAUTHENTICATED, "The token has expired.");
    const failure = await connected({ ModifyAckDeadline: refusal }).catch((cause: unknown) => cause);
    expect(classify(failure)?.code).toBe("AUTHENTICATION_FAILED");
  });

  it("refuses a project that is not there when connecting, but not the mere lack of a permission", async () => {
    const absent = () => new Failure(status.NOT_FOUND, "Requested project not found (project=project).");
    const failure = await connected({ ModifyAckDeadline: absent }).catch((cause: unknown) => cause);
    expect(classify(failure)?.remedy).toContain("project");
    service.stop();
    await connected({ ModifyAckDeadline: () => new Failure(status.PERMISSION_DENIED, "Not you.") });
  });

  it("is a connection lost when it stays away", async () => {
    const connection = await connected({}, { responseTimeoutMs: 500 });
    for (const method of ["Publish", "GetTopic"]) service.on(method, () => "never");
    const publishing = connection.publish(queue, [message()], call);
    await until(() => lost.length > 0, 5_000);
    await connection.close();
    expect((await publishing)[0]?.ok).toBe(false);
  });

  it("is not missed while it merely has no messages", async () => {
    const connection = await connected({}, { responseTimeoutMs: 1_000 });
    await consume(connection, queue);
    const questions = () =>
      service.asked("ModifyAckDeadline").filter(({ subscription }) => /pulse$/.test(String(subscription)));
    await until(() => questions().length >= 2);
    expect(lost).toEqual([]);
  });
});

describe("publishing", () => {
  it("finds the one message that the service does not take", async () => {
    const connection = await connected({
      Publish: ({ messages }) =>
        bodiesOf(messages).includes("bad")
          ? new Failure(status.INVALID_ARGUMENT, "as recorded")
          : { messageIds: ["1"] },
    });
    const bodies = ["a", "b", "bad", "c", "d"];
    const batch = bodies.map((body) => message({ body }));
    const outcomes = await connection.publish(queue, batch, call);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, false, true, true]);
  });

  it("stores nothing behind what has to be sent again", async () => {
    const connection = await connected({
      Publish: ({ messages }) =>
        bodiesOf(messages).includes("bad")
          ? new Failure(status.INVALID_ARGUMENT, "as recorded")
          : new Failure(status.UNAVAILABLE, "as recorded"),
    });
    const batch = ["a", "b", "bad", "c"].map((body) => message({ body, key: "k1" }));
    const outcomes = await connection.publish(ordered, batch, call);
    expect(outcomes.map(({ ok }) => ok)).toEqual([false, false, false, false]);
    const sent = service.asked("Publish").map(({ messages }) => bodiesOf(messages));
    expect(sent).toEqual([
      ["a", "b", "bad", "c"],
      ["a", "b"],
    ]);
  });

  it("sends each key by itself, and a key that failed is not blocked after", async () => {
    const connection = await connected({
      Publish: ({ messages }) =>
        (messages as { orderingKey: string }[])[0]?.orderingKey === "k1"
          ? new Failure(status.ABORTED, "as recorded")
          : { messageIds: ["1"] },
    });
    const batch = ["k1", "k2", "k1", "k2"].map((key) => message({ key }));
    const outcomes = await connection.publish(ordered, batch, call);
    expect(outcomes.map(({ ok }) => ok)).toEqual([false, true, false, true]);
    service.on("Publish", () => ({ messageIds: ["1", "2"] }));
    const again = [batch[0], batch[2]].flatMap((each) => each ?? []);
    expect(await connection.publish(ordered, again, call)).toEqual([{ ok: true }, { ok: true }]);
    const keys = service.asked("Publish").map(({ messages }) => messages as { orderingKey: string }[]);
    for (const request of keys) expect(new Set(request.map(({ orderingKey }) => orderingKey)).size).toBe(1);
  });
});

describe("consuming", () => {
  it("says of each ack under exactly-once delivery what became of it", async () => {
    const connection = await connected({ Pull: onceIn("jobs", "a", "b", "c") }, { exactlyOnce: true });
    const consumer = await consume(connection, queue);
    const deliveries = await consumer.receive(10, call);
    service.on(
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
    service.on("Acknowledge", () => ({}));
    expect(await ack(consumer, deliveries.slice(2))).toEqual(["settled"]);
  });

  it("goes on after pulls that failed in passing, with what it holds", async () => {
    let failures = 0;
    const then = onceIn("jobs", "a");
    const connection = await connected({
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
    const connection = await connected({ Pull: pull }, { pulls: 1 });
    const consumer = await consume(connection, queue);
    const deliveries = await consumer.receive(10, call);
    for (const delivery of deliveries) await ack(consumer, [delivery]);
    service.on("Pull", onceIn("jobs", "late"));
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
    const connection = await connected({
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
    const acked = () => service.asked("Acknowledge").flatMap(idsOf).sort();
    await until(() => acked().length >= 3);
    expect(acked()).toEqual(["id of a", "id of b", "id of c"]);
    for (const { topic } of service.asked("Publish")) expect(topic).toMatch(/\/jobs\.\.returns$/);
  });

  it("says so when pulling is refused", async () => {
    const connection = await connected({ Pull: () => new Failure(status.PERMISSION_DENIED, "Not you.") });
    const consumer = await consume(connection, queue);
    await expect(consumer.receive(10, call)).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  });

  it("never has more out than the prefetch, and an eighth for what returns", async () => {
    const asked = new Map<string, number>();
    const connection = await connected({
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

  it("hands back at once what is unsettled when it closes", async () => {
    const connection = await connected({ Pull: onceIn("jobs", "a", "b", "c") });
    const consumer = await consume(connection, queue);
    const deliveries = await consumer.receive(2, call);
    await ack(consumer, deliveries.slice(0, 1));
    service.requests.length = 0;
    await consumer.close();
    const handedBack = service.asked("ModifyAckDeadline");
    expect(handedBack.map(({ ackDeadlineSeconds }) => ackDeadlineSeconds)).toEqual([0]);
    expect(new Set(idsOf(handedBack[0]))).toEqual(new Set(["id of b", "id of c"]));
    expect(await ack(consumer, deliveries.slice(1))).toEqual(["lost"]);
  });

  it("takes a lease for over when it could not be renewed, and acks nobody else's delivery", async () => {
    const connection = await connected({ Pull: onceIn("jobs", "a", "b") }, { leaseMs: 20_000 });
    const consumer = await consume(connection, queue);
    const { pass } = clock();
    const deliveries = await consumer.receive(10, call);
    pass(10_000);
    await consumer.extend?.(deliveries.slice(0, 1), call);
    pass(10_000);
    expect(await ack(consumer, deliveries)).toEqual(["settled", "lost"]);
    expect(service.asked("Acknowledge").flatMap(idsOf)).toEqual(["id of a"]);
  });

  it("renews all leases but the one that the service knows to be over", async () => {
    const options = { leaseMs: 20_000, exactlyOnce: true };
    const connection = await connected({ Pull: onceIn("jobs", "a", "b") }, options);
    const consumer = await consume(connection, queue);
    const { pass } = clock();
    const deliveries = await consumer.receive(10, call);
    service.on(
      "ModifyAckDeadline",
      () =>
        new Failure(status.FAILED_PRECONDITION, "Some acknowledgement ids in the request were invalid.", {
          "id of a": "PERMANENT_FAILURE_INVALID_ACK_ID",
        }),
    );
    pass(10_000);
    await consumer.extend?.(deliveries, call);
    pass(10_000);
    expect(await ack(consumer, deliveries)).toEqual(["lost", "settled"]);
  });

  it("keeps for a slow reader of its own what it has not read, for as long as that costs nothing", async () => {
    const connection = await connected();
    await consume(connection, ordered);
    await consume(connection, { ...queue, kind: "inbox", name: "replies", physical: "replies" });
    const kept = service
      .asked("CreateSubscription")
      .map(({ messageRetentionDuration }) => (messageRetentionDuration as { seconds: number }).seconds);
    expect(kept).toEqual([23 * 3_600, 600]);
  });
});

describe("topology", () => {
  const there = (fields: Record<string, unknown>): Record<string, Handler> => ({
    CreateSubscription: () => new Failure(status.ALREADY_EXISTS, "Resource already exists"),
    GetSubscription: ({ subscription }) => {
      const id = String(subscription).split("/").at(-1) as string;
      const topic = `projects/project/topics/${id === "events..billing" ? "events" : id}`;
      return { name: subscription, topic, ...(id === "events..billing" ? fields : {}) };
    },
  });

  it("lets retries and redrives pass to a group with a filter, and refuses a member without it", async () => {
    const connection = await connected(there({ filter: 'attributes.region = "eu"' }));
    await connection.topology.ensure([item(group)], call);
    await expect(consume(connection, group)).rejects.toMatchObject({ code: "TOPOLOGY_MISMATCH" });
  });

  it("makes the queue that the service dead-letters to as core would", async () => {
    const connection = await connected({}, { exactlyOnce: true, deliveryLimit: 5 });
    await connection.topology.ensure([item(queue)], call);
    const made = service.asked("CreateSubscription").filter(({ name }) => /\.\.dead$/.test(String(name)));
    expect(made).toMatchObject([{ enableExactlyOnceDelivery: true }]);
  });
});
