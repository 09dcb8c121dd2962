import { type Address, MessagingError } from "@waybill/core/spi";
import { afterEach, describe, expect, it } from "vitest";
import { call, consume, item, message, until } from "../../../scripts/testing/workbench.ts";
import { classify, status } from "../src/errors.ts";
import { Failure, type Handler } from "./fake-service.ts";
import { bodiesOf, queue, Stage } from "./stage.ts";

const group: Address = {
  ...queue,
  kind: "group",
  name: "events",
  group: "billing",
  brokerName: "events",
  brokerGroup: "billing",
};
const ordered: Address = { ...queue, kind: "topic", name: "events", brokerName: "events", ordered: true };

const stage = new Stage();
afterEach(() => stage.end());

describe("what the service answers", () => {
  it("is told as it is, and not asked again behind core's back", async () => {
    const table = [
      [status.RESOURCE_EXHAUSTED, "OVERLOADED", true],
      [status.PERMISSION_DENIED, "PERMISSION_DENIED", false],
      [status.UNAVAILABLE, "UNREACHABLE", true],
      [status.NOT_FOUND, "NOT_FOUND", false],
      [status.FAILED_PRECONDITION, "BROKER_ERROR", false],
    ] as const;
    const connection = await stage.connected();
    for (const [code, expected, retryable] of table) {
      stage.service.requests.length = 0;
      stage.service.on("Publish", () => new Failure(code, "as recorded"));
      const [outcome] = await connection.publish(queue, [message()], call);
      const found = classify(outcome?.ok === false ? outcome.cause : undefined);
      expect(found?.code).toBe(expected);
      const error = new MessagingError(found?.code ?? "BROKER_ERROR", "", {
        ...(found?.retryable === undefined ? {} : { retryable: found.retryable }),
      });
      expect(error.retryable).toBe(retryable);
      expect(stage.service.asked("Publish")).toHaveLength(1);
    }
  });

  it("refuses expired credentials when connecting", async () => {
    const refusal = () => new Failure(status.UNAUTHENTICATED, "The token has expired.");
    const failure = await stage.connected({ ModifyAckDeadline: refusal }).catch((cause: unknown) => cause);
    expect(classify(failure)?.code).toBe("AUTHENTICATION_FAILED");
  });

  it("refuses a project that is not there when connecting, but not the mere lack of a permission", async () => {
    const absent = () => new Failure(status.NOT_FOUND, "Requested project not found (project=project).");
    const failure = await stage.connected({ ModifyAckDeadline: absent }).catch((cause: unknown) => cause);
    expect(classify(failure)?.remedy).toContain("project");
    stage.service.stop();
    await stage.connected({ ModifyAckDeadline: () => new Failure(status.PERMISSION_DENIED, "Not you.") });
  });

  it("is a connection lost when it stays away", async () => {
    const connection = await stage.connected({}, { responseTimeoutMs: 500 });
    for (const method of ["Publish", "GetTopic"]) stage.service.on(method, () => "never");
    const publishing = connection.publish(queue, [message()], call);
    await until(() => stage.lost.length > 0, 5_000);
    await connection.close();
    expect((await publishing)[0]?.ok).toBe(false);
  });

  it("is not missed while it merely has no messages", async () => {
    const connection = await stage.connected({}, { responseTimeoutMs: 1_000 });
    await consume(connection, queue);
    const questions = () =>
      stage.service
        .asked("ModifyAckDeadline")
        .filter(({ subscription }) => /monitor$/.test(String(subscription)));
    await until(() => questions().length >= 2);
    expect(stage.lost).toEqual([]);
  });
});

describe("publishing", () => {
  it("finds the one message that the service does not take", async () => {
    const connection = await stage.connected({
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
    const connection = await stage.connected({
      Publish: ({ messages }) =>
        bodiesOf(messages).includes("bad")
          ? new Failure(status.INVALID_ARGUMENT, "as recorded")
          : new Failure(status.UNAVAILABLE, "as recorded"),
    });
    const batch = ["a", "b", "bad", "c"].map((body) => message({ body, key: "k1" }));
    const outcomes = await connection.publish(ordered, batch, call);
    expect(outcomes.map(({ ok }) => ok)).toEqual([false, false, false, false]);
    const sent = stage.service.asked("Publish").map(({ messages }) => bodiesOf(messages));
    expect(sent).toEqual([
      ["a", "b", "bad", "c"],
      ["a", "b"],
    ]);
  });

  it("sends each key by itself, and a key that failed is not blocked after", async () => {
    const connection = await stage.connected({
      Publish: ({ messages }) =>
        (messages as { orderingKey: string }[])[0]?.orderingKey === "k1"
          ? new Failure(status.ABORTED, "as recorded")
          : { messageIds: ["1"] },
    });
    const batch = ["k1", "k2", "k1", "k2"].map((key) => message({ key }));
    const outcomes = await connection.publish(ordered, batch, call);
    expect(outcomes.map(({ ok }) => ok)).toEqual([false, true, false, true]);
    stage.service.on("Publish", () => ({ messageIds: ["1", "2"] }));
    const again = [batch[0], batch[2]].flatMap((each) => each ?? []);
    expect(await connection.publish(ordered, again, call)).toEqual([{ ok: true }, { ok: true }]);
    const keys = stage.service.asked("Publish").map(({ messages }) => messages as { orderingKey: string }[]);
    for (const request of keys) expect(new Set(request.map(({ orderingKey }) => orderingKey)).size).toBe(1);
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
    const connection = await stage.connected(there({ filter: 'attributes.region = "eu"' }));
    await connection.topology.ensure([item(group)], call);
    await expect(consume(connection, group)).rejects.toMatchObject({ code: "TOPOLOGY_MISMATCH" });
  });

  it("makes the queue that the service dead-letters to as core would", async () => {
    const connection = await stage.connected({}, { exactlyOnce: true, deliveryLimit: 5 });
    await connection.topology.ensure([item(queue)], call);
    const made = stage.service
      .asked("CreateSubscription")
      .filter(({ name }) => /\.\.dead$/.test(String(name)));
    expect(made).toMatchObject([{ enableExactlyOnceDelivery: true }]);
  });
});
