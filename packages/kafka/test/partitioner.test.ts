import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { murmur2, partitionOfKey, Spreader } from "../src/client/partitioner.ts";

const kafkajsMurmur2 = createRequire(import.meta.url)("kafkajs/src/producer/partitioners/default/murmur2.js");

describe("the partition of a key", () => {
  // From the tests of Kafka's Java client (org.apache.kafka.common.utils.UtilsTest).
  it.each([
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ])("hashes %s as Java does", (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
  });

  it("is the one kafkajs finds", () => {
    for (let i = 0; i < 500; i++) {
      const key = Buffer.from(`ключ-${i}`.repeat(1 + (i % 5)));
      expect(murmur2(key)).toBe(kafkajsMurmur2(key));
      expect(partitionOfKey(key, 7)).toBe((kafkajsMurmur2(key) & 0x7fffffff) % 7);
    }
  });
});

describe("messages without a key", () => {
  it("are spread evenly, alone or in batches", () => {
    const spreader = new Spreader();
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 100; i++) {
      spreader.startBatch();
      for (let n = 0; n < (i % 2 === 0 ? 1 : 64); n++) {
        const partition = spreader.partition(4);
        counts[partition] = (counts[partition] ?? 0) + 1;
      }
    }
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThan(40);
  });

  it("that leave one at a time take turns", () => {
    const spreader = new Spreader();
    const turns = Array.from({ length: 8 }, () => {
      spreader.startBatch();
      return spreader.partition(4);
    });
    expect(new Set(turns).size).toBe(4);
  });
});
