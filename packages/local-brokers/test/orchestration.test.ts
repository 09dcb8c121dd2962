import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bringUp, control, statusOf, takeDown } from "../src/index.ts";
import { findFreePort } from "../src/network/free-port.ts";
import { homeWithPrograms } from "./fake-programs.ts";
import { answering } from "./server.ts";

const starts = (home: string) =>
  readFileSync(join(home, "redis/data/starts"), "utf8").trim().split("\n").length;

describe("bringing a broker up", () => {
  it("starts it, finds it again, and leaves nothing behind when it is taken down", async () => {
    const options = await homeWithPrograms("redis-server");
    const url = `redis://127.0.0.1:${options.port}`;
    const up = { name: "redis", state: "up", url, version: "8.9.0", how: "native" };

    expect(await statusOf(["redis"], options)).toEqual([
      { name: "redis", state: "down", url: null, version: null, how: null },
    ]);
    expect(await bringUp(["redis"], options)).toMatchObject([{ status: up, problem: null }]);
    expect(await bringUp(["redis"], options)).toMatchObject([{ status: up, problem: null }]);
    expect(await statusOf(["redis"], options)).toEqual([up]);
    expect(starts(options.home)).toBe(1);

    expect(await takeDown(["redis"], options)).toEqual([{ name: "redis", wasStartedHere: true }]);
    expect(await statusOf(["redis"], options)).toMatchObject([{ state: "down" }]);
    expect(existsSync(options.home)).toBe(false);
    expect(await takeDown(["redis"], options)).toEqual([{ name: "redis", wasStartedHere: false }]);
  });

  it("starts it once where several ask at the same time", async () => {
    const options = await homeWithPrograms("redis-server");
    const outcomes = await Promise.all([1, 2, 3].map(() => bringUp(["redis"], options)));
    for (const [outcome] of outcomes)
      expect(outcome).toMatchObject({ status: { state: "up" }, problem: null });
    expect(starts(options.home)).toBe(1);
  });

  it("starts it again with its data where it has ended meanwhile", async () => {
    const options = await homeWithPrograms("redis-server");
    await bringUp(["redis"], options);
    await (await control("redis", options)).kill();
    expect(await statusOf(["redis"], options)).toMatchObject([{ state: "failed", how: "native" }]);
    expect(await bringUp(["redis"], options)).toMatchObject([{ status: { state: "up" } }]);
    expect(starts(options.home)).toBe(2);
  });

  it("tells the end of the log where it cannot start, and starts afresh the next time", async () => {
    const options = await homeWithPrograms("redis-server");
    mkdirSync(options.home, { recursive: true });
    writeFileSync(join(options.home, "FAIL"), "");
    const [outcome] = await bringUp(["redis"], options);
    expect(outcome?.status.state).toBe("failed");
    expect(outcome?.problem?.message).toBe("Redis ended while it was starting");
    expect(outcome?.problem?.log).toContain("# Fatal error: this Redis is broken");

    rmSync(join(options.home, "FAIL"));
    expect(await bringUp(["redis"], options)).toMatchObject([{ status: { state: "up" }, problem: null }]);
  });

  it("uses what listens already, and does not touch it when taking down", async () => {
    const options = await homeWithPrograms("redis-server");
    const info = "redis_version:7.9.9\r\nloading:0\r\n";
    const { port } = await answering(`$${info.length}\r\n${info}\r\n`);
    const there = { ...options, ports: { redis: port } };
    const found = { state: "up", how: "listening", version: "7.9.9" };
    expect(await bringUp(["redis"], there)).toMatchObject([{ status: found, problem: null }]);
    expect(await takeDown(["redis"], there)).toEqual([{ name: "redis", wasStartedHere: false }]);
    expect(await statusOf(["redis"], there)).toMatchObject([found]);
    await expect(control("redis", there)).rejects.toThrow("was not started in");
  });

  it("refuses a port that something else holds, and names the flag that chooses another", async () => {
    const options = await homeWithPrograms("redis-server");
    const { port } = await answering("220 mail.example ESMTP\r\n");
    const [outcome] = await bringUp(["redis"], { ...options, ports: { redis: port } });
    expect(outcome?.status.state).toBe("failed");
    expect(outcome?.problem?.message).toContain(`port ${port} is taken by`);
    expect(outcome?.problem?.remedy).toContain("--port redis=");
  });

  it("takes the environment at its word, reachable or not", async () => {
    const options = await homeWithPrograms("redis-server");
    const url = `redis://ada:secret@127.0.0.1:${await findFreePort()}`;
    const named = { ...options, environment: { ...options.environment, WAYBILL_REDIS_URL: url } };
    const [outcome] = await bringUp(["redis"], named);
    expect(outcome?.status).toEqual({
      name: "redis",
      state: "failed",
      url,
      version: null,
      how: "environment",
    });
    expect(outcome?.problem?.message).toContain("WAYBILL_REDIS_URL names redis://ada:***@127.0.0.1");
    expect(existsSync(options.home)).toBe(false);
  });

  it("does not move a broker that runs, and says how to", async () => {
    const options = await homeWithPrograms("redis-server");
    await bringUp(["redis"], options);
    const [outcome] = await bringUp(["redis"], { ...options, ports: { redis: await findFreePort() } });
    expect(outcome?.problem?.remedy).toContain("waybill brokers down redis");
  });
});

describe("control over a broker", () => {
  it("kills it and starts it on the same port with its data", async () => {
    const options = await homeWithPrograms("redis-server");
    await bringUp(["redis"], options);
    const redis = await control("redis", options);
    expect(redis.endpoints).toEqual([{ host: "127.0.0.1", port: options.port }]);
    await redis.kill();
    expect(await statusOf(["redis"], options)).toMatchObject([{ state: "failed" }]);
    await redis.kill();
    await redis.start();
    await redis.start();
    expect(await statusOf(["redis"], options)).toMatchObject([{ state: "up", url: redis.url }]);
    expect(starts(options.home)).toBe(2);
  });

  it("is refused where the environment names another one", async () => {
    const options = await homeWithPrograms("redis-server");
    await bringUp(["redis"], options);
    const naming = (url: string) => ({
      ...options,
      environment: { ...options.environment, WAYBILL_REDIS_URL: url },
    });
    expect((await control("redis", naming(`redis://localhost:${options.port}`))).name).toBe("redis");
    await expect(control("redis", naming("redis://elsewhere:6379"))).rejects.toThrow(
      "WAYBILL_REDIS_URL names another",
    );
  });

  it("pauses and resumes it", async () => {
    const options = await homeWithPrograms("redis-server");
    await bringUp(["redis"], options);
    const redis = await control("redis", options);
    await redis.pause();
    expect(await statusOf(["redis"], options)).toMatchObject([{ state: "starting" }]);
    await redis.resume();
    expect(await statusOf(["redis"], options)).toMatchObject([{ state: "up" }]);
  });
});
