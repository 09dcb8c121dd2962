import { expect, it } from "vitest";
import { readInfo } from "../src/client/server.ts";

const info = (fields: Record<string, string>) =>
  Object.entries(fields)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join("");

it("knows Redis and Valkey by what they say of themselves", () => {
  expect(readInfo(info({ redis_version: "8.0.2" }))).toMatchObject({ name: "redis", version: "8.0.2" });
  expect(
    readInfo(info({ redis_version: "7.2.4", server_name: "valkey", valkey_version: "8.1.1" })),
  ).toMatchObject({ name: "valkey", version: "8.1.1" });
  expect(readInfo("")).toEqual({ name: "redis", version: undefined, dangers: [] });
});

it("finds what could lose messages", () => {
  expect(
    readInfo(info({ aof_enabled: "1", maxmemory: "0", maxmemory_policy: "allkeys-lru" })).dangers,
  ).toEqual([]);
  expect(readInfo(info({ aof_enabled: "0" })).dangers).toHaveLength(1);
  expect(readInfo(info({ maxmemory: "100", maxmemory_policy: "allkeys-lru" })).dangers).toHaveLength(1);
});
