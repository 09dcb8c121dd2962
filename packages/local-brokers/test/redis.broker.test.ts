import { existsSync } from "node:fs";
import { createConnection } from "node:net";
import { afterAll, expect, it } from "vitest";
import { statusOf, takeDown } from "../src/index.ts";
import { startOwn } from "./own-home.ts";

const broker = await startOwn("redis");
afterAll(() => broker[Symbol.asyncDispose]());
const { home, port, options, control: redis } = broker;

it("is a real Redis 8 on loopback", async () => {
  const [status] = await statusOf(["redis"], options);
  expect(status).toMatchObject({ state: "up", how: "native", url: `redis://127.0.0.1:${port}` });
  expect(Number.parseInt(status?.version ?? "", 10)).toBeGreaterThanOrEqual(8);
});

it("has every write it confirmed after SIGKILL", async () => {
  for (let round = 1; round <= 3; round++) {
    const writes = Array.from({ length: 500 }, () => "INCR counter");
    expect((await ask(...writes)).at(-1)).toBe(`:${round * 500}`);
    await redis.kill();
    expect(await statusOf(["redis"], options)).toMatchObject([{ state: "failed" }]);
    await redis.start();
    expect(await ask("GET counter")).toEqual([`$${String(round * 500).length}`, String(round * 500)]);
  }
});

it("knows a user that may do nothing", async () => {
  const denied = redis.credentials.find(({ may }) => may === "nothing");
  const replies = await ask(`AUTH ${denied?.username} ${denied?.password}`, "SET a b");
  expect(replies[0]).toBe("+OK");
  expect(replies[1]).toMatch(/^-NOPERM/);
});

it("leaves no process, data or lock behind", async () => {
  await takeDown(["redis"], options);
  expect(await statusOf(["redis"], options)).toMatchObject([{ state: "down", how: null }]);
  expect(existsSync(home)).toBe(false);
});

/** Sends inline commands on one connection and returns the lines of the replies. */
function ask(...commands: string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.write([...commands, "QUIT", ""].join("\r\n"));
    socket.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text.trimEnd().split("\r\n").slice(0, -1)));
  });
}
