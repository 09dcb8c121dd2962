import type { Message } from "@aws-sdk/client-sqs";
import { expect, it } from "vitest";
import { message, text } from "../../../scripts/testing/workbench.ts";
import { messageGroup } from "../src/client/message-group.ts";
import { decode, type Encoded, encode } from "../src/mapping.ts";

/** What SQS makes of it. */
function stored({ body, attributes }: Encoded, group?: string): Message {
  return {
    Body: body,
    MessageId: "sqs-id",
    MessageAttributes: attributes,
    Attributes: {
      SentTimestamp: "1700000000000",
      ApproximateReceiveCount: "1",
      ...(group === undefined ? {} : { MessageGroupId: group }),
    },
  };
}

it("brings everything back", () => {
  const sent = message({
    body: '{"größe": "😀"}',
    contentType: "application/json",
    headers: { colour: "red", empty: "", "with space": "x", lines: "a\nb", ["__proto__"]: "y" },
    timestamp: 253_402_300_799_999,
    expiresAt: 1_800_000_000_000,
    replyTo: "inbox..1",
    correlationId: "corr:1 é",
    id: "my/id 1–é",
  });
  const got = decode(stored(encode(sent, undefined)), false);
  const { delayMs: _, publishToken: __, headers, ...rest } = sent;
  expect({ ...got, body: Buffer.from(got.body) }).toMatchObject({ ...rest, body: Buffer.from(sent.body) });
  expect(Object.entries(got.headers).sort()).toEqual(Object.entries(headers).sort());
  expect(Object.getPrototypeOf(got.headers)).toBeNull();
});

it.each([
  ["text", Buffer.from("naïve 😀\r\n\t"), "naïve 😀\r\n\t"],
  ["a byte order mark", Buffer.from("\ufeffx"), "\ufeffx"],
  ["bytes", Buffer.from([0, 255, 128]), "AP+A"],
  ["nul in text", Buffer.from("a\0b"), "YQBi"],
  ["a character that XML lacks", Buffer.from("\uffff"), "77+/"],
  ["nothing", Buffer.alloc(0), "="],
])("carries %s so that SQS takes it", (_, body, expected) => {
  const encoded = encode(message({ body }), undefined);
  expect(encoded.body).toBe(expected);
  expect(encoded.attributes["content-transfer-encoding"]?.StringValue).toBe(
    expected === body.toString() ? undefined : "base64",
  );
  expect(Buffer.from(decode(stored(encoded), false).body)).toEqual(body);
});

it("gives a header an attribute of its own while there is room for all", () => {
  const headers = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`h${n}`, `${n}`]));
  const { attributes } = encode(message({ headers }), undefined);
  expect(Object.keys(attributes).sort()).toEqual(["content-type", ...Object.keys(headers), "waybill"].sort());
});

it("never has more than ten attributes", () => {
  const headers = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`h${n}`, `${n}`]));
  const encoded = encode(message({ headers, body: Uint8Array.of(0) }), undefined);
  expect(Object.keys(encoded.attributes)).toHaveLength(10);
  expect({ ...decode(stored(encoded), false).headers }).toEqual(headers);
});

it("has no quote and no backslash in an attribute: SNS would keep it from every subscription that filters", () => {
  const headers = { quoted: 'a "b"', path: "a\\b", percent: "100%41", json: '{"a":1}', "odd name": "\ufffe" };
  const sent = message({ headers, contentType: 'text/plain; charset="utf-8"', id: 'the "id"' });
  const encoded = encode(sent, undefined);
  for (const { StringValue } of Object.values(encoded.attributes)) expect(StringValue).not.toMatch(/["\\]/);
  const { id, contentType, ...got } = decode(stored(encoded), false);
  expect({ id, contentType, headers: { ...got.headers } }).toEqual({
    id: sent.id,
    contentType: sent.contentType,
    headers,
  });
});

it("reads metadata that another producer wrote as plain JSON", () => {
  const metadata = { id: "100%41", timestamp: 7 };
  const attributes = { waybill: { DataType: "String", StringValue: JSON.stringify(metadata) } } as const;
  expect(decode(stored({ body: "x", attributes, bytes: 0 }), false)).toMatchObject(metadata);
});

it("counts as SQS counts", () => {
  const { body, attributes, bytes } = encode(message({ body: "é", headers: { colour: "röt" } }), undefined);
  const counted = Object.entries(attributes).reduce(
    (sum, [name, { DataType, StringValue }]) => sum + Buffer.byteLength(name + DataType + StringValue),
    Buffer.byteLength(body),
  );
  expect(bytes).toBe(counted);
});

it.each([
  ["a plain key", "customer-7", "customer-7"],
  ["a key with spaces", "customer 7", undefined],
  ["a key in other letters", "ключ", undefined],
  ["a long key", "k".repeat(129), undefined],
  ["a key that looks like one of ours", "waybill-key-x", undefined],
])("brings back %s", (_, key, group) => {
  const sent = message({ key });
  const sqsGroup = messageGroup(sent);
  expect(sqsGroup).toMatch(/^[!-~]{1,128}$/);
  if (group !== undefined) expect(sqsGroup).toBe(group);
  expect(decode(stored(encode(sent, undefined), sqsGroup), true).key).toBe(key);
});

it("gives a message without a key a group of its own, and no key", () => {
  const [one, two] = [message(), message()];
  expect(messageGroup(one)).not.toBe(messageGroup(two));
  expect(decode(stored(encode(one, undefined), messageGroup(one)), true).key).toBeUndefined();
});

it("takes what is not of ours as it is", () => {
  const got = decode(
    {
      Body: "hello",
      MessageId: "sqs-id",
      MessageAttributes: {
        colour: { DataType: "String", StringValue: "red" },
        price: { DataType: "Number", StringValue: "7" },
        blob: { DataType: "Binary", BinaryValue: Uint8Array.of(1, 2) },
      },
      Attributes: { SentTimestamp: "1700000000000", ApproximateReceiveCount: "2", MessageGroupId: "theirs" },
    },
    true,
  );
  expect({ ...got.headers }).toEqual({ colour: "red", price: "7", blob: "AQI=" });
  expect(got).toMatchObject({
    id: "sqs-id",
    timestamp: 1_700_000_000_000,
    redeliveries: 1,
    key: "theirs",
    contentType: "",
  });
});

const hostile: readonly (readonly [string, Record<string, string>, string])[] = [
  ["no JSON", { waybill: "{" }, "x"],
  ["JSON of another kind", { waybill: "[1]", "waybill-headers": "7" }, "x"],
  ["null", { waybill: "null", "waybill-headers": "null" }, "x"],
  [
    "values of the wrong kind",
    { waybill: '{"id":7,"timestamp":"soon","expiresAt":-1,"wait":1e999,"key":{},"redeliveries":-3}' },
    "x",
  ],
  ["huge numbers", { waybill: '{"redeliveries":1e15,"timestamp":1e300}' }, "x"],
  ["a polluting name", { "waybill-headers": '{"__proto__":"x","constructor":"y","a":{"b":1}}' }, "x"],
  ["truncated base64", { "content-transfer-encoding": "base64" }, "AP+Ax"],
  ["what is no base64 at all", { "content-transfer-encoding": "base64" }, "not base64!"],
];

it.each(hostile)("survives %s", (_, attributes, body) => {
  const MessageAttributes = Object.fromEntries(
    Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: "String", StringValue }]),
  );
  const got = decode(
    { Body: body, MessageAttributes, Attributes: { ApproximateReceiveCount: "banana" } },
    false,
  );
  expect(text(got)).toBe(body);
  expect(Number.isSafeInteger(got.timestamp)).toBe(true);
  expect(got.redeliveries).toBeGreaterThanOrEqual(0);
  expect(got.redeliveries).toBeLessThanOrEqual(1_000_000);
  for (const value of Object.values(got.headers)) expect(typeof value).toBe("string");
  expect(({} as Record<string, unknown>).a).toBeUndefined();
});

it("survives a message with nothing in it", () => {
  expect(() => decode({}, true)).not.toThrow();
});
