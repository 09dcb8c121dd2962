import { describe, expect, it } from "vitest";
import { message } from "../../../scripts/testing/messages.ts";
import { decode, delayed, encode, type NativeMessage, type PubsubMessage } from "../src/mapping.ts";

const publishTime = { seconds: "1700000000", nanos: 123_456_789 };

function back(sent: PubsubMessage) {
  return decode({ messageId: "service-1", publishTime, ...sent });
}

const attributesOf = (sent: PubsubMessage) => Object.entries(sent.attributes ?? {});

/** What the service checks: https://cloud.google.com/pubsub/quotas#resource_limits */
function expectLegal(sent: PubsubMessage): void {
  const attributes = attributesOf(sent);
  expect(attributes.length).toBeLessThanOrEqual(100);
  for (const [name, value] of attributes) {
    expect(Buffer.byteLength(name)).toBeGreaterThan(0);
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(256);
    expect(Buffer.byteLength(value)).toBeLessThanOrEqual(1_024);
    expect(name.startsWith("goog")).toBe(false);
  }
}

describe("a message", () => {
  it("comes back as it went", () => {
    const sent = message({
      id: "m-1",
      body: new Uint8Array([0, 255, 1]),
      contentType: "application/x-thing",
      key: "customer-7",
      timestamp: 1_700_000_000_001,
      headers: { tenant: "äö😀", empty: "" },
      expiresAt: 1_800_000_000_000,
      replyTo: "reply-1",
      correlationId: "c-1",
    });
    const { delayMs: _, publishToken: __, headers: sentHeaders, body, ...rest } = sent;
    const encoded = encode(sent, undefined);
    expectLegal(encoded);
    const { headers, ...fields } = back(encoded);
    expect(fields).toMatchObject(rest);
    expect(fields.body).toEqual(body);
    expect({ ...headers }).toEqual(sentHeaders);
  });

  it("has the time that it was given, whichever that is", () => {
    for (const timestamp of [0, 1, 8_640_000_000_000_000])
      expect(back(encode(message({ timestamp }), undefined)).timestamp).toBe(timestamp);
  });

  it("is plain to others: its headers are attributes, and its body is its data", () => {
    const encoded = encode(message({ body: "plain", headers: { tenant: "a" } }), undefined);
    expect(Buffer.from(encoded.data as Uint8Array).toString()).toBe("plain");
    expect(encoded.attributes).toMatchObject({ tenant: "a", "content-type": "text/plain" });
  });

  it.each([
    ["a value of 64 KiB", { big: "x".repeat(65_536), small: "1" }],
    ["a value of many bytes a character", { big: "😀é\u0000".repeat(3_000) }],
    [
      "names that attributes do not take",
      { googclient: "1", ["n".repeat(300)]: "2", ["é".repeat(200)]: "3" },
    ],
    [
      "a name that objects have already",
      Object.fromEntries([
        ["__proto__", "1"],
        ["constructor", "2"],
      ]),
    ],
    [
      "more than attributes there are",
      Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`h${n}`, "1"])),
    ],
    [
      "as much as is allowed, in the worst way",
      Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`h${n}`, "x".repeat(70)])),
    ],
    ["what looks like packing", { "1:1:": "2:2:", ":": "::" }],
  ])("carries headers beyond the limits of attributes: %s", (_, headers: Record<string, string>) => {
    const encoded = encode(message({ headers }), undefined);
    expectLegal(encoded);
    expect(Object.entries(back(encoded).headers).sort()).toEqual(Object.entries(headers).sort());
  });

  it("has room for what core adds to the most headers that an application may give", () => {
    const own = Array.from({ length: 1_000 }, (_, n) => [`h${n}`, "x".repeat(70)]);
    const added = Array.from({ length: 40 }, (_, n) => [`waybill-dead-${n}`, "x".repeat(35)]);
    const headers = Object.fromEntries([...own, ...added]);
    const encoded = encode(message({ headers, replyTo: "r", correlationId: "c", delayMs: 1 }), undefined);
    expectLegal(encoded);
    expect(Object.keys(back(encoded).headers)).toHaveLength(1_040);
  });

  it("is refused with too many headers, and not cut", () => {
    const headers = Object.fromEntries(Array.from({ length: 1_041 }, (_, n) => [`h${n}`, ""]));
    expect(() => encode(message({ headers }), undefined)).toThrow(
      expect.objectContaining({ code: "INVALID_HEADER" }),
    );
  });

  it("is due by the service's clock, and stays so when it is moved", () => {
    const sent = encode(message({ delayMs: 5_000 }), undefined);
    const delivery = back(sent);
    expect(delivery.dueAt).toBe(1_700_000_000_123 + 5_000);
    const moved = back(delayed(sent, delivery, 2_000));
    expect(moved.dueAt).toBe(1_700_000_000_123 + 2_000);
    expect(moved.id).toBe(delivery.id);
    expect(moved.timestamp).toBe(delivery.timestamp);
  });
});

describe("a message of an external producer", () => {
  it("is taken as it is", () => {
    const delivery = back({ data: Buffer.from("hi"), attributes: { tenant: "a" } });
    expect(delivery).toMatchObject({
      id: "service-1",
      timestamp: 1_700_000_000_123,
      contentType: "",
      dueAt: 0,
    });
    expect({ ...delivery.headers }).toEqual({ tenant: "a" });
  });

  it.each([
    ["nothing at all", {}],
    ["no message", { message: null }],
    [
      "numbers that are none",
      { message: { attributes: { "waybill-timestamp": "NaN", "waybill-expires-at": "-1" } } },
    ],
    ["a delay without end", { message: { attributes: { "waybill-delay": "9".repeat(30) } } }],
    ["packing that ends early", { message: { attributes: { "waybill-packed": "3:99999:abcx" } } }],
    ["packing that is none", { message: { attributes: { "waybill-packed": "\u0000" } } }],
    ["a time that is none", { message: { publishTime: { seconds: "later", nanos: null } } }],
  ])("never makes decoding throw: %s", (_, received) => {
    const delivery = decode((received as { readonly message?: NativeMessage }).message);
    expect(delivery.body).toBeInstanceOf(Uint8Array);
    expect(Object.getPrototypeOf(delivery.headers)).toBe(null);
    expect(Number.isFinite(delivery.timestamp)).toBe(true);
    expect(delivery.expiresAt).toBe(undefined);
  });
});
