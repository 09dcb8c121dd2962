import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { partitionOfKey } from "../src/client/partition-key.ts";

const root = dirname(createRequire(import.meta.url).resolve("@azure/event-hubs/package.json"));
const { mapPartitionKeyToId } = await import(
  pathToFileURL(join(root, "dist/esm/impl/partitionKeyToIdMapper.js")).href
);

it("keys go where the vendor's buffered producer sends them, whatever their length", () => {
  const keys = [
    "",
    "a",
    "customer-7",
    "naïve 😀",
    "日本語",
    "\u0000",
    ...Array.from({ length: 60 }, (_, i) => "xyz0".repeat(i).slice(0, i * 3 + 1)),
  ];
  for (let i = 0; i < 500; i++) keys.push(`key-${i * 7919}`);
  for (const partitions of [1, 2, 3, 4, 31, 32, 1_024]) {
    for (const key of keys) {
      expect(partitionOfKey(key, partitions), `${key} of ${partitions}`).toBe(
        mapPartitionKeyToId(key, partitions),
      );
    }
  }
});
