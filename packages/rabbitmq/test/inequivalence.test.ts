import { expect, it } from "vitest";
import { adopt, differenceIn, isTolerable, sentenceFor } from "../src/client/inequivalence.ts";

/** As RabbitMQ 4.0.5 and amqplib 2.3.1 word it. */
const refused = (detail: string) =>
  Object.assign(
    new Error(
      `Operation failed: QueueDeclare; 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - inequivalent arg ${detail}"`,
    ),
    { code: 406 },
  );

const cases = [
  [
    "'x-delivery-limit' for queue 'it's' in vhost '/': received '30' but current is '20'",
    { setting: "x-delivery-limit", wanted: "30", current: "20" },
    "x-delivery-limit is 20 and should be 30.",
  ],
  [
    "'x-delivery-limit' for queue 'q' in vhost '/': received none but current is the value '20' of type 'byte'",
    { setting: "x-delivery-limit", wanted: undefined, current: "20" },
    "x-delivery-limit is 20 and should not be set.",
  ],
  [
    "'x-single-active-consumer' for queue 'q' in vhost '/': received the value 'true' of type 'bool' but current is none",
    { setting: "x-single-active-consumer", wanted: "true", current: undefined },
    "x-single-active-consumer is not set and should be true.",
  ],
  [
    "'type' for exchange 'q' in vhost '/': received 'fanout' but current is 'topic'",
    { setting: "type", wanted: "fanout", current: "topic" },
    "type is topic and should be fanout.",
  ],
] as const;

it.each(cases)("reads %s", (detail, difference, sentence) => {
  expect(differenceIn(refused(detail))).toEqual(difference);
  expect(sentenceFor(difference)).toBe(sentence);
});

it("knows nothing of other refusals", () => {
  expect(differenceIn(new Error("x"))).toBeUndefined();
  expect(differenceIn(refused("unknown"))).toBeUndefined();
});

it("tells a choice of another's from a broken promise", () => {
  const of = (setting: string, wanted?: string, current?: string) => ({ setting, wanted, current });
  expect(isTolerable(of("x-delivery-limit", "20", "5"), false)).toBe(true);
  expect(isTolerable(of("x-single-active-consumer", undefined, "true"), false)).toBe(true);
  expect(isTolerable(of("x-single-active-consumer", "true"), false)).toBe(false);
  expect(isTolerable(of("x-queue-type", "quorum", "classic"), false)).toBe(false);
  expect(isTolerable(of("x-max-length-bytes", undefined, "5"), false)).toBe(false);
  expect(isTolerable(of("x-max-length-bytes", undefined, "5"), true)).toBe(true);
});

it("declares again with what exists", () => {
  const wanted = { a: 1, b: "x" };
  expect(adopt(wanted, { setting: "a", wanted: "1", current: "20" })).toEqual({ a: 20, b: "x" });
  expect(adopt(wanted, { setting: "a", wanted: "1", current: undefined })).toEqual({ b: "x" });
  expect(adopt(wanted, { setting: "c", wanted: undefined, current: "true" })).toEqual({ ...wanted, c: true });
});
