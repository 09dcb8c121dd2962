import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { earliestEventPosition } from "@azure/event-hubs";
import { expect, onTestFinished, test, vi } from "vitest";
import { startEmulator } from "../src/index.ts";
import { bodies, call, emulator, event, producer, receive } from "./workbench.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "event-hubs-emulator-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const ORDERS = [{ name: "orders", partitionCount: 1, consumerGroups: ["billing"] }];

/** The program in a process of its own; resolves with its port once it listens. */
async function program(data: string, ...more: string[]): Promise<{ child: ChildProcess; port: number }> {
  const source = new URL("../src/main.ts", import.meta.url).href;
  const script = `process.exitCode = await (await import(${JSON.stringify(source)})).main(process.argv.slice(1))`;
  const args = ["--input-type=module", "-e", script, "--", "--port", "0", "--data", data, ...more];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.once("data", (bytes: Buffer) => resolve(bytes.toString()));
    child.stderr?.once("data", (bytes: Buffer) => reject(new Error(bytes.toString())));
  });
  return { child, port: Number(/:(\d+)$/.exec(line.trim())?.[1]) };
}

function local(port: number): string {
  return `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;EntityPath=orders`;
}

test("what was confirmed outlives a kill, and the next run goes on where it was", {
  timeout: 30_000,
}, async () => {
  const data = folder();
  await using first = await startEmulator({ data, hubs: ORDERS });
  await first.close();

  const before = await program(data);
  const client = producer(local(before.port));
  const confirmed: string[] = [];
  const publishing = (async () => {
    for (let number = 0; ; number++) {
      await client.sendBatch([event(`${number}a`), event(`${number}b`)]);
      confirmed.push(`${number}a`, `${number}b`);
    }
  })().catch(() => {});
  await expect.poll(() => confirmed.length, { timeout: 15_000 }).toBeGreaterThan(200);
  before.child.kill("SIGKILL");
  await publishing;

  const after = await program(data);
  await producer(local(after.port)).sendBatch([event("after")]);
  const kept = await receive(local(after.port), "0", earliestEventPosition, { group: "billing" }).count(
    confirmed.length + 1,
  );
  expect(bodies(kept).slice(0, confirmed.length)).toEqual(confirmed);
  expect(kept.map(({ sequenceNumber }) => sequenceNumber)).toEqual(kept.map((_, index) => index));
  expect(bodies(kept)).toContain("after");
  const ended = new Promise((resolve) => after.child.once("exit", resolve));
  after.child.kill("SIGTERM");
  expect(await ended).toBe(0);
});

test("a record that was half written is cut off; the ones before it stay", async () => {
  for (const damage of [
    (file: string) => truncateSync(file, statSync(file).size - 3),
    (file: string) => appendFileSync(file, Buffer.alloc(100, 0xff)),
  ]) {
    const data = folder();
    const first = await startEmulator({ data, hubs: ORDERS });
    await producer(first.connectionString("orders")).sendBatch([event("0"), event("1")]);
    await first.close();
    const partition = join(data, "hubs", "orders", "0");
    damage(join(partition, readdirSync(partition)[0] ?? ""));

    const second = await emulator({ data });
    const hub = second.connectionString("orders");
    await producer(hub).sendBatch([event("2")]);
    const events = await receive(hub, "0", earliestEventPosition).count(2);
    expect(bodies(events).at(0)).toBe("0");
    expect(bodies(events).at(-1)).toBe("2");
    expect(events.at(-1)?.sequenceNumber).toBe(events.length - 1);
  }
});

test("with fsync too, what is confirmed is there", async () => {
  const data = folder();
  const first = await startEmulator({ data, hubs: ORDERS, fsync: true });
  const client = producer(first.connectionString("orders"));
  await Promise.all(["a", "b", "c", "d"].map((body) => client.sendBatch([event(body)])));
  await first.close();
  const second = await emulator({ data, fsync: true });
  const events = await receive(second.connectionString("orders"), "0", earliestEventPosition).count(4);
  expect(bodies(events).sort()).toEqual(["a", "b", "c", "d"]);
});

test("a folder has one user at a time, and a deleted hub is gone from it", async () => {
  const data = folder();
  const first = await startEmulator({ data, hubs: ORDERS });
  await expect(startEmulator({ data })).rejects.toThrow("is in use by the process");
  first.deleteHub("orders");
  await first.close();
  const second = await emulator({ data });
  expect((await call(second, "GET", "/orders")).status).toBe(404);
  expect(readdirSync(join(data, "hubs"))).toEqual([]);
});

test("retention takes away what is too old, and sequence numbers go on", async () => {
  const { now } = Date;
  let passedMs = 0;
  const clock = vi.spyOn(Date, "now").mockImplementation(() => now() + passedMs);
  onTestFinished(() => clock.mockRestore());
  const server = await emulator({
    hubs: [{ name: "orders", partitionCount: 1, retentionMs: 100_000 }],
    retentionIntervalMs: 50,
    data: folder(),
  });
  const hub = server.connectionString("orders");
  const client = producer(hub);
  await client.sendBatch([event("old"), event("old")]);
  passedMs = 60_000;
  await client.sendBatch([event("young")]);
  passedMs = 120_000;
  const partition = () => client.getPartitionProperties("0");
  await expect.poll(async () => (await partition()).beginningSequenceNumber, { timeout: 10_000 }).toBe(2);
  passedMs = 180_000;
  await expect.poll(async () => (await partition()).isEmpty, { timeout: 10_000 }).toBe(true);
  await client.sendBatch([event("new")]);
  const [next] = await receive(hub, "0", { sequenceNumber: 0 }).count(1);
  expect([bodies([next] as never), next?.sequenceNumber]).toEqual([["new"], 3]);
});
