import type { ConsumeMessage } from "amqplib";
import { describe, expect, it } from "vitest";
import { message } from "../../../scripts/testing/messages.ts";
import { RabbitmqDelivery } from "../src/delivery.ts";
import { fromHeaders, tooLongName, toProperties, toText } from "../src/mapping.ts";

function delivered(properties: Record<string, unknown>, retained = false): RabbitmqDelivery {
  const fields = { deliveryTag: 4, consumerTag: "tag", redelivered: false, exchange: "", routingKey: "q" };
  const native = { content: Buffer.from("x"), fields, properties } as unknown as ConsumeMessage;
  return new RabbitmqDelivery(native, {}, retained);
}

describe("to the wire", () => {
  it("uses the native place of everything that has one", () => {
    const sent = message({
      body: "x",
      id: "id-1",
      timestamp: 1_700_000_000_123,
      key: "k",
      expiresAt: 1_700_000_009_000,
      replyTo: "inbox",
      correlationId: "c",
      headers: { a: "b" },
    });
    expect(toProperties(sent)).toEqual({
      persistent: true,
      mandatory: true,
      messageId: "id-1",
      contentType: "text/plain",
      timestamp: 1_700_000_000,
      replyTo: "inbox",
      correlationId: "c",
      headers: {
        "waybill-timestamp": "1700000000123",
        "waybill-key": "k",
        "waybill-expires-at": "1700000009000",
        a: "b",
      },
    });
  });

  it("finds a header for what is too long for a short string", () => {
    const long = "ü".repeat(200);
    const sent = message({ body: "x", id: long, contentType: long, correlationId: long, replyTo: long });
    const { headers, ...properties } = toProperties(sent);
    expect(properties).toMatchObject({ persistent: true, mandatory: true });
    expect(delivered({ headers })).toMatchObject({
      id: long,
      contentType: long,
      correlationId: long,
      replyTo: long,
    });
    expect(delivered({ headers }).headers).toEqual({});
  });

  it("carries headers whose names mean something to RabbitMQ", () => {
    const headers = {
      CC: "1",
      BCC: "2",
      "x-death": "3",
      "x-stream-offset": "4",
      "waybill-header-CC": "5",
      cc: "6",
    };
    const sent = toProperties(message({ body: "x", headers })).headers as Record<string, string>;
    for (const name of ["CC", "BCC", "x-death", "x-stream-offset"]) expect(sent).not.toHaveProperty([name]);
    expect({ ...fromHeaders(sent) }).toEqual(headers);
  });

  it("names a header whose name does not fit", () => {
    expect(tooLongName({ short: "", ["é".repeat(128)]: "" })).toBe("é".repeat(128));
    expect(tooLongName({ ["é".repeat(127)]: "" })).toBeUndefined();
  });
});

describe("from the wire", () => {
  it("takes a message that knows nothing of Waybill", () => {
    expect(delivered({ headers: undefined })).toMatchObject({
      id: "tag:4",
      contentType: "",
      key: undefined,
      expiresAt: undefined,
      replyTo: undefined,
      correlationId: undefined,
      redeliveries: 0,
      partition: undefined,
      position: undefined,
    });
    expect(delivered({ timestamp: 1_700_000_000 }).timestamp).toBe(1_700_000_000_000);
    expect(delivered({ timestamp: 1_700_000_000_123 }).timestamp).toBe(1_700_000_000_123);
    expect(Math.abs(delivered({ timestamp: -5 }).timestamp - Date.now())).toBeLessThan(5_000);
  });

  it("makes text of every type that AMQP knows", () => {
    expect(toText(true)).toBe("true");
    expect(toText(1.5)).toBe("1.5");
    expect(toText(null)).toBe("");
    expect(toText(Buffer.from("é"))).toBe("é");
    expect(toText({ "!": "timestamp", value: 17 })).toBe("17");
    expect(toText({ "!": "decimal", value: { digits: 12345, places: 2 } })).toBe("123.45");
    expect(toText({ a: [1, "b"] })).toBe('{"a":[1,"b"]}');
  });

  it("is not upset by hostile headers", () => {
    const hostile = {
      "waybill-timestamp": "99999999999999999999",
      "waybill-expires-at": "soon",
      "waybill-key": 7,
      "x-delivery-count": -3,
      "x-stream-offset": "first",
      a: { "!": "decimal" },
      b: { "!": "timestamp", value: Object.create(null) },
      constructor: "c",
      toString: "d",
    };
    const delivery = delivered(
      { headers: hostile, messageId: 5, contentType: { x: 1 }, timestamp: "x" },
      true,
    );
    expect(delivery).toMatchObject({
      id: "tag:4",
      contentType: "",
      key: undefined,
      expiresAt: undefined,
      redeliveries: 0,
    });
    expect(Number.isFinite(delivery.timestamp)).toBe(true);
    expect(delivery.position).toBeUndefined();
    expect(Object.getPrototypeOf(delivery.headers)).toBeNull();
    expect({ ...delivery.headers }).toEqual({ a: "", b: "", constructor: "c", toString: "d" });
  });

  it("leaves out what the broker and the delay path wrote", () => {
    const headers = {
      "x-death": [{ count: 1 }],
      "x-first-death-reason": "expired",
      "x-delivery-count": 2,
      mine: "1",
    };
    expect(delivered({ headers }).redeliveries).toBe(2);
    expect({ ...delivered({ headers }).headers }).toEqual({ mine: "1" });
  });
});
