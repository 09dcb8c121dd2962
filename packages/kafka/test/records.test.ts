import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { crc32c } from "../src/client/crc32c.ts";
import { decodeRecords } from "../src/client/record-decoding.ts";
import { encodeRecordBatch } from "../src/client/record-encoding.ts";
import type { OutgoingRecord } from "../src/mapping.ts";

const load = createRequire(import.meta.url);
const Decoder = load("kafkajs/src/protocol/decoder.js");
const decodeByKafkajs = load("kafkajs/src/protocol/recordBatch/v0/decoder.js");
const kafkajsRecord = load("kafkajs/src/protocol/recordBatch/record/v0/index.js");
const { RecordBatch: encodeByKafkajs } = load("kafkajs/src/protocol/recordBatch/v0/index.js");

const unpacked = () => Promise.reject(new Error("Not packed."));

const records: readonly OutgoingRecord[] = [
  { key: null, value: Buffer.alloc(0), timestamp: 1_700_000_000_000, headers: [] },
  { key: Buffer.from("k"), value: Buffer.alloc(300, 7), timestamp: 1_700_000_000_500, headers: ["a", "b"] },
  {
    key: Buffer.alloc(200, "k"),
    value: Uint8Array.of(0, 255),
    // Before the first one, and by more than 31 bits of milliseconds.
    timestamp: 1_600_000_000_000,
    headers: ["Ünïcode 🎈", "x".repeat(70), "empty", "", "long name ".repeat(10), "ü"],
  },
];

describe("a record batch", () => {
  it("is read back as it was written", async () => {
    const decoded = await decodeRecords(encodeRecordBatch(records), 0, [], unpacked);
    expect(decoded.nextOffset).toBe(3);
    expect(decoded.records.map((one) => [one.offset, one.timestamp, one.headers()])).toEqual(
      records.map((one, i) => [i, one.timestamp, one.headers]),
    );
    expect(decoded.records.map((one) => one.key)).toEqual(records.map(({ key }) => key));
    expect(decoded.records.map((one) => one.value)).toEqual(records.map(({ value }) => Buffer.from(value)));
  });

  it("is what kafkajs reads", async () => {
    const batch = await decodeByKafkajs(new Decoder(encodeRecordBatch(records)));
    expect(batch.records.map((one: { timestamp: string }) => Number(one.timestamp))).toEqual(
      records.map(({ timestamp }) => timestamp),
    );
    expect(batch.records[2].headers["Ünïcode 🎈"].toString()).toBe("x".repeat(70));
    expect(batch.records[1].value).toEqual(Buffer.alloc(300, 7));
  });

  it("of kafkajs is read, with headers given twice or without a value", async () => {
    const record = kafkajsRecord({
      timestampDelta: 5,
      offsetDelta: 0,
      key: "k",
      value: null,
      headers: { twice: ["1", "2"], __proto__x: "p" },
    });
    const { buffer } = await encodeByKafkajs({
      records: [record],
      firstTimestamp: 1_000,
      maxTimestamp: 1_005,
    });
    const { records: decoded } = await decodeRecords(buffer, 0, [], unpacked);
    expect(decoded[0]).toMatchObject({ offset: 0, timestamp: 1_005, value: null });
    expect(decoded[0]?.headers()).toEqual(["twice", "1", "twice", "2", "__proto__x", "p"]);
    expect(decoded[0]?.rawHeaders()[1]).toEqual(Buffer.from("1"));
  });

  it("can be packed", async () => {
    const packed = encodeRecordBatch(records, gzipSync);
    const { gunzipSync } = await import("node:zlib");
    const decoded = await decodeRecords(packed, 0, [], async (codec, data) => {
      expect(codec).toBe(1);
      return gunzipSync(data);
    });
    expect(decoded.records.length).toBe(3);
    const batch = await decodeByKafkajs(new Decoder(packed));
    expect(batch.records.length).toBe(3);
  });

  it("is read from the middle, and not where it is cut off", async () => {
    const whole = encodeRecordBatch(records);
    const next = Buffer.from(whole);
    next.writeBigInt64BE(3n, 0);
    const set = Buffer.concat([whole, next]);
    const from = await decodeRecords(set, 2, [], unpacked);
    expect(from.records.map(({ offset }) => offset)).toEqual([2, 3, 4, 5]);
    const cut = await decodeRecords(set.subarray(0, set.length - 1), 0, [], unpacked);
    expect(cut.records.length).toBe(3);
    expect(cut.nextOffset).toBe(3);
    expect((await decodeRecords(Buffer.alloc(0), 7, [], unpacked)).nextOffset).toBe(7);
  });

  it("is passed over when it is control data or was rolled back", async () => {
    const transactional = (base: number, attributes: number, producer: bigint) => {
      const batch = encodeRecordBatch(records.slice(0, 1));
      batch.writeBigInt64BE(BigInt(base), 0);
      batch.writeInt16BE(attributes, 21);
      batch.writeBigInt64BE(producer, 43);
      return batch;
    };
    const set = Buffer.concat([
      transactional(0, 16, 1n),
      transactional(1, 16, 2n),
      transactional(2, 16 | 32, 1n),
      transactional(3, 16, 1n),
      transactional(4, 16 | 32, 2n),
    ]);
    const decoded = await decodeRecords(set, 0, [{ producerId: 1n, firstOffset: 0 }], unpacked);
    expect(decoded.records.map(({ offset }) => offset)).toEqual([1, 3]);
    expect(decoded.nextOffset).toBe(5);
  });

  it("of an older format is refused by name", async () => {
    const old = encodeRecordBatch(records);
    old[16] = 1;
    await expect(decodeRecords(old, 0, [], unpacked)).rejects.toMatchObject({
      name: "UnsupportedFormatError",
    });
  });
});

describe("crc32c", () => {
  it("gives the values of RFC 3720", () => {
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  });
});
