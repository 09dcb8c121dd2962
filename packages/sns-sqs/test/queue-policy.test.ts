import { expect, it } from "vitest";
import { allows, policyFor, withStatementFor } from "../src/client/queue-policy.ts";

const queue = "arn:aws:sqs:eu-central-1:123456789012:orders_for_billing";
const topic = "arn:aws:sns:eu-central-1:123456789012:orders";

it("lets the topic write, and no other", () => {
  const policy = policyFor(queue, topic);
  expect(allows(policy, topic)).toBe(true);
  expect(allows(policy, `${topic}-2`)).toBe(false);
  expect(JSON.parse(policy).Statement).toEqual([
    expect.objectContaining({
      Principal: { Service: "sns.amazonaws.com" },
      Action: "sqs:SendMessage",
      Condition: { ArnEquals: { "aws:SourceArn": topic } },
    }),
  ]);
});

it("adds to a policy that is there", () => {
  const theirs = { Sid: "Theirs", Effect: "Deny", Principal: "*", Action: "sqs:*", Resource: queue };
  for (const Statement of [theirs, [theirs]]) {
    const policy = withStatementFor(JSON.stringify({ Version: "2012-10-17", Statement }), queue, topic);
    expect(JSON.parse(policy).Statement[0]).toEqual(theirs);
    expect(allows(policy, topic)).toBe(true);
  }
  expect(allows(undefined, topic)).toBe(false);
});
