import type { SNSClient } from "@aws-sdk/client-sns";
import { describe, expect, it } from "vitest";
import { bytesTaken, namesWithoutEnd, newestName } from "../../../scripts/testing/remembered-names.ts";
import type { Clients } from "../src/client/clients.ts";
import { policyOf } from "../src/client/filter-policy.ts";
import { ResourceCache } from "../src/client/resource-cache.ts";
import { Subscriptions } from "../src/client/subscriptions.ts";
import { call } from "./address.ts";

const megabyte = 2 ** 20;

describe("what is remembered by names that never end is bounded, and the newest is there:", () => {
  const asked: string[] = [];
  const receiving = {
    send: async ({ input }: { input: { QueueName: string } }) => {
      asked.push(input.QueueName);
      return { QueueUrl: `https://sqs/${input.QueueName}` };
    },
  };
  const cache = () => new ResourceCache({ receiving } as unknown as Clients, "1", false);

  it("queue URLs: one that was forgotten is asked for again", async () => {
    const resources = cache();
    const taken = bytesTaken(() => {
      for (const name of namesWithoutEnd(4 * megabyte, 100)) resources.rememberQueue(name, "url");
      return resources;
    });
    expect(taken).toBeLessThan(4 * megabyte);
    expect(await resources.findQueue(newestName, call)).toBe("url");
    expect(asked).toEqual([]);
    resources.rememberQueue("jobs", "url");
    for (let n = 0; n < 20_000; n++) resources.rememberQueue(`q${n}`, `https://sqs/${"x".repeat(200)}`);
    expect(await resources.findQueue("jobs", call)).toBe("https://sqs/jobs");
    expect(asked).toEqual(["jobs"]);
  });

  it("topic ARNs", async () => {
    const resources = cache();
    const arn = "arn:aws:sns:eu-central-1:1:t";
    const taken = bytesTaken(() => {
      for (const name of namesWithoutEnd(4 * megabyte, 100)) resources.rememberTopic(name, arn);
      return resources;
    });
    expect(taken).toBeLessThan(4 * megabyte);
    expect(await resources.findTopic(newestName, call)).toBe(arn);
  });

  it("removals", async () => {
    const resources = cache();
    const taken = bytesTaken(() => {
      for (const name of namesWithoutEnd(megabyte)) resources.noteRemoval(name);
      return resources;
    });
    expect(taken).toBeLessThan(megabyte);
    expect(await resources.findQueue(newestName, call)).toBeUndefined();
  });

  it("subscriptions with a policy that waits for a consumer who wants all", async () => {
    const set: string[] = [];
    const FilterPolicy = policyOf({ colour: "red" });
    const subscriptionOf = (queue: string) => `arn:aws:sns:eu-central-1:1:t:${queue}`;
    let queue = "";
    const send = async (command: { constructor: { name: string }; input: Record<string, string> }) => {
      const { name } = command.constructor;
      if (name === "SubscribeCommand")
        throw Object.assign(new Error("It is there with other attributes."), { name: "InvalidParameter" });
      if (name === "ListSubscriptionsByTopicCommand")
        return { Subscriptions: [{ Endpoint: queue, SubscriptionArn: subscriptionOf(queue) }] };
      if (name === "GetSubscriptionAttributesCommand")
        return { Attributes: { RawMessageDelivery: "true", FilterPolicy } };
      set.push(command.input.SubscriptionArn as string);
      return {};
    };
    const subscriptions = new Subscriptions({ send } as unknown as SNSClient, true);
    const names = Array.from({ length: 6_000 }, (_, n) => `q${n}`);
    for (queue of names) await subscriptions.make("t", queue, undefined, call);
    await subscriptions.feedAll("q0", call);
    expect(set).toEqual([]);
    // Its consumer declares it before it consumes, and so it is known again.
    queue = "q0";
    await subscriptions.make("t", queue, undefined, call);
    for (const name of ["q0", "q5999"]) await subscriptions.feedAll(name, call);
    expect(set).toEqual(["q0", "q5999"].map(subscriptionOf));
  });
});
