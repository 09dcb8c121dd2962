import { bytes, connect, topic } from "@waybill/core";
import { freshName } from "../contestant.ts";
import { perCpuSecond, publishMany, type Scenario, type Side } from "../scenario.ts";

/** 256 bytes as JSON, with all kinds of values that JSON has. */
const order = {
  id: "o-1234567890",
  customer: { id: "c-7", name: "Ada Lovelace", vip: true, since: null },
  items: [
    { sku: "espresso-cup", count: 2, price: 12.5 },
    { sku: "saucer", count: 2, price: 4.25 },
    { sku: "spoon", count: 4, price: 1.75 },
  ],
  note: "At door",
  total: 40.5,
};

const encoder = new TextEncoder();

/** JSON by the default codec, its check included, against `JSON.stringify` by hand. 0.97 is the least that will do. */
export const jsonCodec: Scenario = {
  name: "JSON codec : by hand",
  unit: "/CPU s",
  sides: ({ scale }) => ({
    ours: publishes(topic<typeof order>(freshName()), () => order, scale),
    against: publishes(
      topic<Uint8Array>(freshName(), { codec: bytes }),
      () => encoder.encode(JSON.stringify(order)),
      scale,
    ),
  }),
};

function publishes<T>(contract: ReturnType<typeof topic<T>>, value: () => T, count: number): Side {
  return async (url) => {
    const client = await connect(url);
    const subject = { topic: contract, group: "bench" };
    await client.topology.declare(subject);
    try {
      return await perCpuSecond(count, () =>
        publishMany(count, 1_000, () => client.publish(contract, value())),
      );
    } finally {
      await client.topology.remove(subject, contract);
      await client.close();
    }
  };
}
