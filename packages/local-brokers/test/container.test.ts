import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bringUp, control, statusOf, takeDown } from "../src/index.ts";
import { homeWithPrograms } from "./fake-programs.ts";

describe("where a container engine runs", () => {
  it("a broker is started in it, controlled through it, and removed with its project", async () => {
    const options = await homeWithPrograms("docker");
    const folder = options.environment.HOME as string;
    const up = { name: "redis", state: "up", url: `redis://127.0.0.1:${options.port}`, how: "container" };
    expect(await bringUp(["redis"], options)).toMatchObject([{ status: up, problem: null, credentials: [] }]);

    const redis = await control("redis", options);
    await redis.kill();
    expect(await statusOf(["redis"], options)).toMatchObject([{ state: "failed", how: "container" }]);
    await redis.start();
    expect(await statusOf(["redis"], options)).toMatchObject([up]);
    const [project = ""] = readdirSync(join(folder, "containers"));
    expect(project).toMatch(/^waybill-redis-[0-9a-f]{8}$/);
    const starts = readFileSync(join(folder, "containers", project, "data/starts"), "utf8");
    expect(starts.trim().split("\n")).toHaveLength(2);

    await takeDown(["redis"], options);
    expect(readdirSync(join(folder, "containers"))).toEqual([]);
    expect(existsSync(options.home)).toBe(false);
  });

  it("a broker is still started natively if that is asked for", async () => {
    const options = { ...(await homeWithPrograms("docker", "redis-server")), using: "native" } as const;
    expect(await bringUp(["redis"], options)).toMatchObject([{ status: { state: "up", how: "native" } }]);
  });
});

describe("where no container engine runs", () => {
  it("asking for one is a problem that says so", async () => {
    const options = { ...(await homeWithPrograms("redis-server")), using: "container" } as const;
    const [outcome] = await bringUp(["redis"], options);
    expect(outcome?.problem?.message).toBe("no container engine with compose runs here");
    expect(existsSync(join(options.home, "redis"))).toBe(false);
  });
});
