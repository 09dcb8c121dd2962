import { describe, expect, it } from "vitest";
import { redisConfig } from "../src/redis/config.ts";
import { redisCredentials } from "../src/redis/credentials.ts";

const lines = redisConfig(6390, "/waybill/data", redisCredentials(6390)).split("\n");

describe("redis.conf", () => {
  it("listens on loopback only", () => {
    expect(lines).toContain("bind 127.0.0.1");
    expect(lines).toContain("port 6390");
  });

  it("has a write on disk before it is confirmed", () => {
    expect(lines).toContain("appendonly yes");
    expect(lines).toContain("appendfsync always");
  });

  it("knows a user that may log in and do nothing", () => {
    const denied = lines.find((line) => line.startsWith("user waybill-denied "));
    expect(denied).toContain(">denied-password");
    expect(denied).toContain("-@all");
  });
});
