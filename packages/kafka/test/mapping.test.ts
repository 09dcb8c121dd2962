import { describe, expect, it } from "vitest";
import { message } from "../../../scripts/testing/messages.ts";
import { KafkaDelivery } from "../src/delivery.ts";
import type { IncomingRecord } from "../src/mapping.ts";
import { formatPosition, fromRecord, parsePosition, toRecord } from "../src/mapping.ts";
import { KafkaPartition } from "../src/receiving/partition.ts";

const from = new KafkaPartition("orders", 2, 0);

function received(record: Partial<IncomingRecord>, headers: readonly string[] = []): KafkaDelivery {
  return new KafkaDelivery(from, {
    offset: 7,
    timestamp: 1_000,
    key: null,
    value: null,
    bytes: 0,
    headers: () => headers,
    rawHeaders: () => headers,
    ...record,
  });
}

describe("an external client's record", () => {
  it("has its place for an id, and no content type", () => {
    const delivery = received({ value: Buffer.from("x"), key: Buffer.from("k") }, ["a", "1", "a", "2"]);
    expect(delivery).toMatchObject({
      id: "orders-2-7",
      contentType: "",
      key: "k",
      timestamp: 1_000,
      partition: "orders-2",
    });
    expect({ ...delivery.headers }, "of a header given twice the last counts").toEqual({ a: "2" });
    expect(delivery.native).toMatchObject({
      topic: "orders",
      partition: 2,
      offset: "7",
      headers: { a: ["1", "2"] },
    });
  });

  it("without a value has an empty body", () => {
    expect(received({ value: null }).body.length).toBe(0);
  });

  it("cannot do harm by its headers", () => {
    const delivery = received({ timestamp: -1 }, [
      "__proto__",
      "polluted",
      "waybill-expires-at",
      "-1e999",
      "waybill-id",
      "",
      "toString",
      "x",
    ]);
    expect(delivery.expiresAt).toBeUndefined();
    expect(delivery.timestamp).toBe(0);
    expect(delivery.id).toBe("orders-2-7");
    expect(Object.keys(delivery.headers)).toEqual(["__proto__", "toString"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe("our own", () => {
  it("carry their metadata beside the application's headers", () => {
    const sent = message({ key: "k", headers: { a: "1" }, expiresAt: 5, replyTo: "r", correlationId: "c" });
    const record = toRecord(sent, sent.timestamp);
    const back = received(
      { key: Buffer.from(record.key ?? []), value: Buffer.from(record.value) },
      record.headers,
    );
    const { id, contentType, expiresAt, replyTo, correlationId } = sent;
    expect(back).toMatchObject({ id, contentType, expiresAt, replyTo, correlationId, key: "k" });
    expect({ ...back.headers }).toEqual({ a: "1" });
  });
});

describe("a record of another source, such as a serverless event", () => {
  it("is mapped without a client and without a partition being read", () => {
    const sent = message({ key: "k", headers: { a: "1" } });
    const record = toRecord(sent, sent.timestamp);
    const fields = fromRecord(
      {
        offset: 3,
        timestamp: record.timestamp,
        key: Buffer.from(record.key ?? []),
        value: Buffer.from(record.value),
        headers: () => record.headers,
      },
      "orders-1",
    );
    expect(fields).toMatchObject({ id: sent.id, key: "k", timestamp: sent.timestamp });
    expect({ ...fields.headers }).toEqual({ a: "1" });
  });
});

describe("a timestamp", () => {
  it.each([0, 1, 1_700_000_000_000, 253_402_300_799_999])(
    "%d comes back, though no broker takes it as it is",
    (timestamp) => {
      const now = Date.now();
      const record = toRecord(message({ timestamp }), now);
      expect(record.timestamp).toBe(now);
      expect(received({ timestamp: now }, record.headers).timestamp).toBe(timestamp);
    },
  );
});

describe("a position", () => {
  it("is read back as it was written, and nothing else is one", () => {
    const position = { partition: 3, offset: 9_007_199_254_740, timestamp: 1_700_000_000_000 };
    expect(parsePosition(formatPosition(position))).toEqual(position);
    for (const text of ["", "1", "1:2", "a:1:1", "1:-1:1", "1:1:1:1"])
      expect(parsePosition(text)).toBeUndefined();
  });
});
