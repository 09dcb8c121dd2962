import { describe, expect, it } from "vitest";
import { queue, topic } from "../src/index.ts";
import { VendorError } from "./scripted-driver.ts";
import { connected, delivery, failureOf } from "./workbench.ts";

const Jobs = queue<number>("jobs");

describe("pull style", () => {
  it("gives every delivery to the loop, to be settled there; leaving it hands back the rest", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(Jobs);
    await messages.ready();
    driver.consumer().deliver(...[1, 2, 3, 4].map((n) => delivery(n)));
    await clock.settle();
    const seen: number[] = [];
    const loop = async () => {
      for await (const each of messages) {
        seen.push(each.value);
        if (each.value === 3) break;
        await each.ack();
      }
    };
    await Promise.all([loop(), clock.pass(100)]);
    expect(seen).toEqual([1, 2, 3]);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 2"]);
    expect(driver.consumer().closed).toBe(1);
  });

  it("subscribes with the first `next`, or with `ready`", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(topic<number>("orders"), { group: "billing" });
    expect(driver.consumers).toHaveLength(0);
    const next = messages.next();
    await clock.settle();
    expect(driver.consumers).toHaveLength(1);
    driver.consumer().deliver(delivery(1));
    expect(await next).toMatchObject({ done: false, value: { value: 1 } });
  });

  it("holds no more than the concurrency in the loop's hands", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(Jobs, { concurrency: 2 });
    const subscription = await messages.ready();
    driver.consumer().deliver(...[1, 2, 3].map((n) => delivery(n)));
    await clock.settle();
    // What nobody has asked for is only prefetched.
    expect(subscription).toMatchObject({ running: 0, held: 3 });
    const { value: first } = await messages.next();
    await messages.next();
    const third = messages.next();
    await clock.settle();
    expect(subscription.running).toBe(2);
    await first.ack();
    expect((await third).value.value).toBe(3);
    await clock.settle();
    expect(subscription.running).toBe(2);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("goes on after `retry` and `reject` as after `ack`", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(Jobs, { concurrency: 1 });
    await messages.ready();
    driver.consumer().deliver(...[1, 2, 3].map((n) => delivery(n)));
    await (await messages.next()).value.retry({ delayMs: 5 });
    await (await messages.next()).value.reject("no");
    await (await messages.next()).value.ack();
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["retry 1 after 5", "ack 2", "ack 3"]);
    expect(driver.sent("jobs..dead")).toHaveLength(1);
  });

  it("goes on after a `retry` in place, and hands it out again when it is due", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(queue<number>("keyed", { key: () => undefined }), { concurrency: 1 });
    await messages.ready();
    driver.consumer().deliver(delivery(1, { key: "a" }), delivery(2, { key: "b" }));
    await (await messages.next()).value.retry({ delayMs: 50 });
    await (await messages.next()).value.ack();
    const next = messages.next();
    await clock.pass(50);
    expect((await next).value).toMatchObject({ value: 1, attempt: 2 });
  });

  it("does not hand out what was taken back before the loop came to it", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(Jobs);
    await messages.ready();
    driver.consumer().deliver(delivery(1, { partition: "p0" }), delivery(2, { partition: "p1" }));
    await clock.settle();
    driver.consumer().hooks.revoked(["p0"]);
    expect((await messages.next()).value.value).toBe(2);
  });

  it("ends when the client closes", async () => {
    const { client, clock } = await connected();
    const messages = client.messages(Jobs);
    await messages.ready();
    const next = messages.next();
    const closing = client.close();
    await clock.pass(100);
    await closing;
    expect(await next).toEqual({ done: true, value: undefined });
    expect((await messages.next()).done).toBe(true);
  });

  it("throws when the subscription has failed, in the loop that waits and in the next", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected({
      consume: () => {
        if (++calls > 1) throw new VendorError("PERMISSION_DENIED");
      },
    });
    const messages = client.messages(Jobs);
    const next = failureOf(messages.next());
    await clock.settle();
    driver.consumer().fail(new VendorError("CONNECTION_LOST"));
    await clock.pass(1_000);
    expect((await next)?.code).toBe("SUBSCRIPTION_FAILED");
    expect((await failureOf(messages.next()))?.code).toBe("SUBSCRIPTION_FAILED");
  });

  it("that cannot begin says so", async () => {
    const { client } = await connected({
      consume: () => {
        throw new VendorError("PERMISSION_DENIED");
      },
    });
    const messages = client.messages(Jobs);
    expect((await failureOf(messages.next()))?.code).toBe("PERMISSION_DENIED");
    await messages[Symbol.asyncDispose]();
  });

  it("that was left before it began never begins", async () => {
    const { client, driver } = await connected();
    const messages = client.messages(Jobs);
    await messages.return?.();
    expect((await messages.next()).done).toBe(true);
    expect(driver.consumers).toHaveLength(0);
  });

  it("of something that is no contract is refused", async () => {
    const { client } = await connected();
    const wrong = undefined as unknown as typeof Jobs;
    expect((await failureOf(client.messages(wrong).next()))?.code).toBe("INVALID_ARGUMENT");
  });
});
