import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { call, message, publish } from "../../../scripts/testing/workbench.ts";
import { EmulatedBench } from "./emulated.ts";

let bench: EmulatedBench;
beforeAll(async () => {
  bench = await EmulatedBench.start();
});
afterEach(() => bench.end());
afterAll(() => bench.emulator.close());

it("tells what waits in a queue that others made and nobody has read", async () => {
  const connection = await bench.connect();
  const queue = { ...(await bench.made(connection, "topic")), kind: "queue" } as const;
  await publish(connection, queue, [message(), message()]);
  expect(await connection.topology.inspect([queue], call)).toMatchObject([{ exists: true, backlog: 2 }]);
});
