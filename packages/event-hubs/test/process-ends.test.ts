import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { EmulatedBench } from "./emulated.ts";

const bench = await EmulatedBench.start();
afterAll(() => bench.emulator.close());

const program = `
  import { connect, queue } from "@waybill/core";
  const client = await connect(process.env.URL);
  const got = Promise.withResolvers();
  const jobs = queue("jobs");
  await client.consume(jobs, () => got.resolve());
  await client.send(jobs, 1);
  await got.promise;
  await client.close();
  const closedAt = Date.now();
  process.on("exit", () => console.log(Date.now() - closedAt));
`;

it("a process ends soon after its client was closed: no timer is left", async () => {
  const { name, key } = bench.emulator.keys[0] as { name: string; key: string };
  const URL = `eventhubs://${name}:${encodeURIComponent(key)}@${bench.emulator.host}:${bench.emulator.port}?emulator=true&checkpoints=memory:`;
  const args = ["--conditions=@waybill/source", "--input-type=module", "-e", program];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: import.meta.dirname,
    env: { ...process.env, URL },
    timeout: 15_000,
  });
  expect(Number(stdout)).toBeLessThan(1_000);
});
