import { createRequire } from "node:module";
import { afterEach, expect, it, vi } from "vitest";
import { messages, publish, topicOf } from "../../../scripts/testing/workbench.ts";
import { KafkaBench } from "./workbench.ts";

const BrokerPool = createRequire(import.meta.url)("kafkajs/src/cluster/brokerPool") as {
  readonly prototype: { refreshMetadata(topics: readonly string[]): Promise<void> };
};

const bench = new KafkaBench();
afterEach(() => bench.end());

it("asks nobody who leads a topic that this connection has made", async () => {
  const connection = await bench.connect();
  const known = await bench.made(connection, "topic");
  // Its connections are open, and know the nodes.
  await publish(connection, known, messages(1));
  const group = await bench.made(connection, "group");
  const asked = vi.spyOn(BrokerPool.prototype, "refreshMetadata");
  try {
    await publish(connection, topicOf(group), messages(8));
    expect(asked.mock.calls).toEqual([]);
  } finally {
    asked.mockRestore();
  }
});
