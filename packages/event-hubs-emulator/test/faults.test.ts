import { earliestEventPosition } from "@azure/event-hubs";
import { expect, test } from "vitest";
import { InvalidFault } from "../src/index.ts";
import { bodies, call, emulator, event, producer, receive } from "./workbench.ts";

const ONE_PARTITION = { hubs: [{ name: "orders", partitionCount: 1 }] };

test("throttled publishes are the vendor's ServerBusyError, store nothing, and end with their number", async () => {
  const server = await emulator(ONE_PARTITION);
  const hub = server.connectionString("orders");
  const client = producer(hub);
  server.faults.throttle({ hub: "ORDERS", times: 2 });
  for (const body of ["1", "2"]) {
    await expect(client.sendBatch([event(body)])).rejects.toMatchObject({ code: "ServerBusyError" });
  }
  await client.sendBatch([event("3")]);
  expect(bodies(await receive(hub, "0", earliestEventPosition).count(1))).toEqual(["3"]);
});

test("a fault for one hub leaves the others alone, and one that is taken back does not strike", async () => {
  const server = await emulator({ hubs: [{ name: "orders" }, { name: "offers" }] });
  const fault = server.faults.throttle({ hub: "orders", timeoutMs: 60_000 });
  await producer(server.connectionString("offers")).sendBatch([event("x")]);
  const orders = producer(server.connectionString("orders"));
  await expect(orders.sendBatch([event("x")])).rejects.toMatchObject({ code: "ServerBusyError" });
  fault.remove();
  await orders.sendBatch([event("x")]);
});

test("a confirmation can be lost after the events are stored", async () => {
  const server = await emulator(ONE_PARTITION);
  const hub = server.connectionString("orders");
  server.faults.inject({ on: "publish", action: "lose-confirmation" });
  await expect(producer(hub).sendBatch([event("kept")])).rejects.toThrow();
  expect(bodies(await receive(hub, "0", earliestEventPosition).count(1))).toEqual(["kept"]);
});

test("links end with the condition asked for, at once or when the next event is delivered", async () => {
  const server = await emulator(ONE_PARTITION);
  const hub = server.connectionString("orders");
  const reader = receive(hub, "0", earliestEventPosition);
  await producer(hub).sendBatch([event("x")]);
  await reader.count(1);
  expect(
    server.faults.detach({ hub: "orders", role: "receive", condition: "com.microsoft:server-busy" }),
  ).toBe(1);
  expect(await reader.error).toMatchObject({ code: "ServerBusyError" });

  server.faults.inject({ on: "deliver", action: "detach", condition: "amqp:link:stolen" });
  const next = receive(hub, "0", earliestEventPosition);
  expect(await next.error).toMatchObject({ code: "ReceiverDisconnectedError" });
  expect(next.events).toEqual([]);
});

test("attaching, tokens and descriptions can be refused, connections cut", async () => {
  const server = await emulator(ONE_PARTITION);
  const hub = server.connectionString("orders");
  server.faults.inject({
    on: "attach",
    action: "refuse",
    role: "publish",
    condition: "amqp:resource-limit-exceeded",
  });
  const client = producer(hub);
  await expect(client.sendBatch([event("x")])).rejects.toMatchObject({ code: "QuotaExceededError" });
  server.faults.inject({ on: "token", action: "refuse", condition: "amqp:unauthorized-access" });
  await expect(client.getPartitionIds()).rejects.toMatchObject({ code: "UnauthorizedError" });
  server.faults.inject({ on: "management", action: "throttle" });
  await expect(client.getPartitionIds()).rejects.toMatchObject({ code: "ServerBusyError" });
  expect(server.faults.disconnect()).toBe(1);
  server.faults.inject({ on: "connect", action: "refuse" });
  await expect(producer(hub).sendBatch([event("x")])).rejects.toThrow();
});

test("delays hold back what is confirmed and delivered", async () => {
  const server = await emulator(ONE_PARTITION);
  const client = producer(server.connectionString("orders"));
  await client.sendBatch([event("x")]);
  server.faults.inject({ on: "publish", action: "delay", delayMs: 300 });
  const before = performance.now();
  await client.sendBatch([event("y")]);
  server.faults.inject({ on: "deliver", action: "delay", delayMs: 300 });
  await receive(server.connectionString("orders"), "0", earliestEventPosition).count(2);
  expect(performance.now() - before).toBeGreaterThan(595);
});

test("faults are set over HTTP too, and every one of them has an end", async () => {
  const server = await emulator(ONE_PARTITION);
  const post = (fault: object) => call(server, "POST", "/$emulator/faults", { body: JSON.stringify(fault) });
  expect((await post({ on: "publish", action: "throttle", times: 3 })).status).toBe(201);
  expect(JSON.parse((await call(server, "GET", "/$emulator/faults")).text)).toMatchObject([
    { remaining: 3, timeoutMs: 60_000 },
  ]);
  await expect(producer(server.connectionString("orders")).sendBatch([event("x")])).rejects.toMatchObject({
    code: "ServerBusyError",
  });
  expect((await call(server, "DELETE", "/$emulator/faults")).status).toBe(200);
  expect(server.faults.list()).toEqual([]);

  const basic = `Basic ${Buffer.from(`${server.keys[0]?.name}:${server.keys[0]?.key}`).toString("base64")}`;
  expect(
    JSON.parse((await call(server, "POST", "/$emulator/detach", { body: "{}", authorization: basic })).text),
  ).toEqual({
    links: expect.any(Number),
  });
  const wrong = `Basic ${Buffer.from("root:wrong").toString("base64")}`;
  expect((await call(server, "POST", "/$emulator/disconnect", { authorization: wrong })).status).toBe(401);

  expect((await post({ on: "publish", action: "explode" })).status).toBe(400);
  expect((await post({ on: "toString", action: "throttle" })).status).toBe(400);
  for (const endless of [{ times: Number.POSITIVE_INFINITY }, { timeoutMs: 1e9 }]) {
    expect(() => server.faults.inject({ on: "publish", action: "throttle", ...endless })).toThrow(
      InvalidFault,
    );
  }
});
