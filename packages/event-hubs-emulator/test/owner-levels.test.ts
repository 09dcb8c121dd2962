import { earliestEventPosition } from "@azure/event-hubs";
import { expect, test } from "vitest";
import type { Emulator } from "../src/index.ts";
import { emulator, event, producer, type Received, receive } from "./workbench.ts";

const STOLEN = { code: "ReceiverDisconnectedError" };

async function hubWithOneEvent(): Promise<Emulator> {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 1, consumerGroups: ["other"] }] });
  await producer(server.connectionString("orders")).sendBatch([event("x")]);
  return server;
}

function reader(server: Emulator, ownerLevel?: number, group?: string): Received {
  return receive(server.connectionString("orders"), "0", earliestEventPosition, {
    ...(ownerLevel === undefined ? {} : { ownerLevel }),
    ...(group === undefined ? {} : { group }),
  });
}

test("a higher owner level puts out a lower one, and the same level the one before it", async () => {
  const server = await hubWithOneEvent();
  const first = reader(server, 1);
  await first.count(1);
  const second = reader(server, 2);
  expect(await first.error).toMatchObject(STOLEN);
  await second.count(1);
  const third = reader(server, 2);
  expect(await second.error).toMatchObject(STOLEN);
  await third.count(1);
});

test("a lower owner level, and a reader with none, are refused while a higher one reads", async () => {
  const server = await hubWithOneEvent();
  await reader(server, 5).count(1);
  expect(await reader(server, 4).error).toMatchObject(STOLEN);
  expect(await reader(server).error).toMatchObject(STOLEN);
  await reader(server, undefined, "other").count(1);
});

test("an owner level puts out readers that have none, and makes room when it goes", async () => {
  const server = await hubWithOneEvent();
  const plain = reader(server);
  await plain.count(1);
  const owner = reader(server, 1);
  expect(await plain.error).toMatchObject(STOLEN);
  await owner.count(1);
  await owner.close();
  await reader(server).count(1);
});

test("five readers without an owner level, and no sixth", async () => {
  const server = await hubWithOneEvent();
  for (let count = 0; count < 5; count++) await reader(server).count(1);
  expect(await reader(server).error).toMatchObject({ code: "QuotaExceededError" });
});
