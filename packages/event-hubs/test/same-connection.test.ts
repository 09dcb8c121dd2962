import { nothingStarted } from "@waybill/core/spi";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { ack, consume, messages, publish, receive } from "../../../scripts/testing/workbench.ts";
import { EmulatedBench } from "./emulated.ts";

let bench: EmulatedBench;
beforeAll(async () => {
  bench = await EmulatedBench.start();
});
afterEach(() => bench.end());
afterAll(() => bench.emulator.close());

it.each([0, 1])(
  "consumes again on the connection on which a consumer has closed (%i of 2 acked)",
  async (acks) => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    await publish(
      connection,
      queue,
      messages(2, () => ({ key: "same" })),
    );
    const first = await consume(connection, queue);
    const got = await receive(first, 2);
    await ack(first, got.slice(0, acks));
    await first.close(nothingStarted);
    // Its links may still be on their way out when those of the next take their partitions over.
    const second = await consume(connection, queue);
    expect(await receive(second, 2 - acks)).toHaveLength(2 - acks);
    expect(bench.lost).toEqual([]);
  },
);
