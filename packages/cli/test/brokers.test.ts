import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waybill } from "./run.ts";

const home = mkdtempSync(join(tmpdir(), "waybill-cli-"));
let redis: Server;
let environment: NodeJS.ProcessEnv;
let url: string;

beforeAll(async () => {
  const info = "redis_version:8.9.9\r\nloading:0\r\n";
  redis = createServer((socket) =>
    socket.on("error", () => {}).once("data", () => socket.end(`$${info.length}\r\n${info}\r\n`)),
  );
  await new Promise<void>((resolve) => redis.listen(0, "127.0.0.1", resolve));
  url = `redis://ada:secret@127.0.0.1:${(redis.address() as AddressInfo).port}`;
  environment = { HOME: home, WAYBILL_REDIS_URL: url };
});

afterAll(() => {
  redis.close();
  rmSync(home, { recursive: true, force: true });
});

describe("waybill brokers status", () => {
  it("prints one line for a broker, without its password", async () => {
    const { code, out } = await waybill(["brokers", "status", "redis"], environment);
    expect(out).toBe(`redis  up  8.9.9  environment  ${url.replace("secret", "***")}\n`);
    expect(code).toBe(0);
  });

  it("prints exactly five fields as JSON, with a URL to connect to", async () => {
    const { out } = await waybill(["brokers", "status", "redis", "--json"], environment);
    expect(JSON.parse(out)).toEqual([
      { name: "redis", state: "up", url, version: "8.9.9", how: "environment" },
    ]);
  });
});

describe("waybill brokers up", () => {
  it("ends with 0 where every broker is up", async () => {
    const { code, out, err } = await waybill(["brokers", "up", "redis"], environment);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("redis  up");
  });

  it("ends with 1 where one is not, and says why and what to do", async () => {
    const dead = { ...environment, WAYBILL_KAFKA_URL: "kafka://127.0.0.1:1" };
    const { code, out, err } = await waybill(["brokers", "up", "redis", "kafka"], dead);
    expect(code).toBe(1);
    expect(out).toMatch(/^redis {2}up .*\nkafka {2}failed /);
    expect(err).toContain(
      "kafka: WAYBILL_KAFKA_URL names kafka://127.0.0.1:1, and no Apache Kafka answers there",
    );
    expect(err).toContain("start it, or unset WAYBILL_KAFKA_URL");
  });

  it("says what makes no sense in the environment", async () => {
    const { code, err } = await waybill(["brokers", "up", "redis"], {
      ...environment,
      WAYBILL_KAFKA_PORT: "x",
    });
    expect(code).toBe(1);
    expect(err).toContain("WAYBILL_KAFKA_PORT=x is not a port for kafka");
  });
});

describe("waybill brokers down", () => {
  it("leaves alone what was not started here", async () => {
    const { code, out } = await waybill(["brokers", "down", "redis"], environment);
    expect(out).toBe("redis         was not started here; nothing to stop\n");
    expect(code).toBe(0);
  });
});
