import rhea, { type Message } from "rhea";
import { describe, expect, it } from "vitest";
import { message } from "../../../scripts/testing/messages.ts";
import { encodeBatch, encodeMessage } from "../src/client/message-encoding.ts";
import { EventHubsDelivery } from "../src/delivery.ts";
import {
  type AmqpMessage,
  bytesOf,
  formatPosition,
  fromAmqpMessage,
  markOf,
  ownProperties,
  parsePosition,
  toAmqpMessage,
} from "../src/mapping.ts";
import { EventHubsPartition } from "../src/receiving/partition.ts";

const from = new EventHubsPartition("orders", "3", 1_000);
const service = {
  "x-opt-sequence-number": 7,
  "x-opt-offset": "4096",
  "x-opt-enqueued-time": new Date(1_700_000_000_000),
};

const decode = (payload: Buffer) => rhea.message.decode(payload) as unknown as Message;

const encode = (...given: Parameters<typeof toAmqpMessage>) => encodeMessage(toAmqpMessage(...given));

/** As the service hands it out: with its annotations added. */
function delivered(payload: Buffer): EventHubsDelivery {
  const decoded = decode(payload);
  decoded.message_annotations = { ...decoded.message_annotations, ...service };
  return new EventHubsDelivery(from, decoded as unknown as AmqpMessage);
}

const external = (fields: object) => delivered(rhea.message.encode(fields));

describe("mapping", () => {
  it("brings every field back as it was", () => {
    const sent = message({
      id: "m-1",
      key: "küche 😀",
      contentType: "application/json",
      timestamp: 1_234_567_890_123,
      expiresAt: 2_345_678_901_234,
      replyTo: "inbox-1",
      correlationId: "c-1",
      headers: {
        "": "",
        "naïve 😀": "välue\n",
        constructor: "x",
        ["__proto__"]: "y",
        long: "z".repeat(70_000),
      },
    });
    const got = delivered(encode(sent, undefined));
    const { delayMs: _, publishToken: __, headers, body, ...rest } = sent;
    expect(got).toMatchObject(rest);
    expect(Buffer.from(got.body).equals(body)).toBe(true);
    expect(Object.entries(got.headers).toSorted()).toEqual(Object.entries(headers).toSorted());
    expect(Object.getPrototypeOf(got.headers)).toBeNull();
    expect(got).toMatchObject({
      sequenceNumber: 7,
      offset: "4096",
      partition: "orders-3",
      position: "3:7:1700000000000",
    });
  });

  it("keeps an empty body and bytes that are no text", () => {
    for (const body of [new Uint8Array(0), Uint8Array.from([0, 255, 254, 0x80])]) {
      expect([...delivered(encode(message({ body }), undefined)).body]).toEqual([...body]);
    }
  });

  it("takes a content type that no AMQP symbol can hold", () => {
    expect(delivered(encode(message({ contentType: "text/ünüsual" }), undefined)).contentType).toBe(
      "text/ünüsual",
    );
  });

  it("marks what is for one address alone, and does not show the mark", () => {
    const payload = encode(message(), { [ownProperties.mark]: "billing" });
    expect(markOf(decode(payload) as unknown as AmqpMessage)).toBe("billing");
    expect(delivered(payload).headers).toEqual({});
  });

  it("puts messages into a batch as they are, below what it reckons with", () => {
    const payloads = [
      encode(message(), undefined),
      encode(message({ body: new Uint8Array(300) }), undefined),
    ];
    const batch = decode(encodeBatch(payloads, "key"));
    expect(batch.body.content.map((one: Buffer, i: number) => one.equals(payloads[i] as Buffer))).toEqual([
      true,
      true,
    ]);
    expect(batch.message_annotations?.["x-opt-partition-key"]).toBe("key");
  });

  it("takes messages from producers that know nothing of it", () => {
    const plain = external({ body: rhea.message.data_section(Buffer.from("hello")) });
    expect(plain).toMatchObject({
      id: "orders-3-7",
      contentType: "",
      key: undefined,
      timestamp: 1_700_000_000_000,
    });
    expect(Buffer.from(external({ body: "text" }).body).toString()).toBe("text");
    expect(Buffer.from(external({ body: { a: [1] } }).body).toString()).toBe('{"a":[1]}');
    expect(
      external({ body: rhea.message.data_sections([Buffer.from("a"), Buffer.from("b")]) }).body,
    ).toHaveLength(2);
    const odd = external({
      message_id: 42,
      correlation_id: Buffer.from([1, 2]),
      creation_time: -5,
      application_properties: {
        number: 1,
        flag: true,
        nothing: null,
        bytes: Buffer.from("x"),
        [ownProperties.mark]: 9,
      },
      body: null,
    });
    expect(odd.id).toBe("42");
    expect(odd.correlationId).toMatch(/^0102/);
    expect(odd.timestamp).toBe(1_700_000_000_000);
    for (const value of Object.values(odd.headers)) expect(typeof value).toBe("string");
  });

  it("takes times that no calendar has", () => {
    const beyond = 9e15;
    const typed = rhea.types.wrap_timestamp(beyond) as never;
    const odd = external({
      creation_time: beyond as never,
      absolute_expiry_time: beyond as never,
      application_properties: { at: typed },
    });
    expect(odd.headers).toEqual({ at: "" });
    expect(odd.expiresAt).toBeUndefined();
    expect(odd.native).toMatchObject({ sequenceNumber: 7 });
    expect(external({ body: typed }).body).toHaveLength(0);
  });

  it("needs no client for what comes from elsewhere, such as a serverless event", () => {
    const sent = message({ key: "k", headers: { a: "1" } });
    const fields = fromAmqpMessage(toAmqpMessage(sent, undefined), "orders-3");
    expect(fields).toMatchObject({ id: sent.id, key: "k", timestamp: sent.timestamp });
    expect(Buffer.from(fields.body).equals(sent.body)).toBe(true);
  });

  it("knows what a message takes in memory", () => {
    const size = (fields: Parameters<typeof message>[0]) =>
      bytesOf(decode(encode(message(fields), undefined)) as unknown as AmqpMessage);
    expect(size({ body: new Uint8Array(1_000), headers: { kéy: "välue" } })).toBe(1_000 + 4 + 6);
    expect(bytesOf({})).toBe(0);
  });

  it("reads positions that it wrote, and no others", () => {
    const position = { partition: "31", sequenceNumber: 12, enqueuedAt: 1_700_000_000_000 };
    expect(parsePosition(formatPosition(position))).toEqual(position);
    for (const text of ["", "1:2", "a:b:c", "1:-2:3", "1:2:3:4", "99999999999:1:1"]) {
      expect(parsePosition(text), text).toBeUndefined();
    }
  });
});
