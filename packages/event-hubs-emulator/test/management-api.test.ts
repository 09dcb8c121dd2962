import { expect, test } from "vitest";
import type { AccessKey } from "../src/index.ts";
import { call, emulator, event, producer, sasToken } from "./workbench.ts";

const XMLNS = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect";

function entry(description: string): { body: string } {
  return {
    body: `<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml">${description}</content></entry>`,
  };
}

test("a hub is made, described, found to exist, changed and deleted", async () => {
  const server = await emulator();
  const asked = `<EventHubDescription xmlns="${XMLNS}"><MessageRetentionInDays>3</MessageRetentionInDays><PartitionCount>5</PartitionCount></EventHubDescription>`;
  const made = await call(server, "PUT", "/orders", entry(asked));
  expect(made.status).toBe(201);
  expect(made.text).toContain('<title type="text">orders</title>');
  for (const part of [
    "<PartitionCount>5</PartitionCount>",
    "<MessageRetentionInDays>3<",
    "<d2p1:string>4</d2p1:string>",
  ]) {
    expect(made.text).toContain(part);
  }
  expect((await call(server, "PUT", "/ORDERS", entry(asked))).status).toBe(409);
  const longer = `<EventHubDescription xmlns="${XMLNS}"><MessageRetentionInDays>7</MessageRetentionInDays></EventHubDescription>`;
  expect((await call(server, "PUT", "/orders", { ...entry(longer), ifMatch: "*" })).status).toBe(200);
  expect((await call(server, "GET", "/Orders")).text).toContain("<MessageRetentionInDays>7<");

  const client = producer(server.connectionString("orders"));
  expect(await client.getPartitionIds()).toEqual(["0", "1", "2", "3", "4"]);
  await client.sendBatch([event("x")]);
  expect((await call(server, "DELETE", "/orders")).status).toBe(200);
  expect((await call(server, "GET", "/orders")).status).toBe(404);
  expect((await call(server, "DELETE", "/orders")).status).toBe(404);
});

test("consumer groups likewise, twenty to a hub, and $Default stays", async () => {
  const server = await emulator({ hubs: [{ name: "orders" }] });
  const group = entry(
    `<ConsumerGroupDescription xmlns="${XMLNS}"><UserMetadata>a &lt; b</UserMetadata></ConsumerGroupDescription>`,
  );
  expect((await call(server, "PUT", "/orders/consumergroups/billing", group)).status).toBe(201);
  expect((await call(server, "PUT", "/orders/ConsumerGroups/Billing")).status).toBe(409);
  expect((await call(server, "GET", "/orders/consumergroups/billing")).text).toContain(
    "<UserMetadata>a &#60; b</UserMetadata>",
  );
  for (let count = 2; count < 20; count++) await call(server, "PUT", `/orders/consumergroups/g${count}`);
  expect((await call(server, "PUT", "/orders/consumergroups/g20")).status).toBe(403);
  const list = await call(server, "GET", "/orders/consumergroups");
  expect(list.text.match(/<entry>/g)).toHaveLength(20);
  expect((await call(server, "DELETE", "/orders/consumergroups/billing")).status).toBe(200);
  expect((await call(server, "GET", "/orders/consumergroups/billing")).status).toBe(404);
  expect((await call(server, "DELETE", "/orders/consumergroups/$Default")).status).toBe(400);
  expect((await call(server, "PUT", "/offers/consumergroups/billing")).status).toBe(404);
});

test("hubs are listed; what cannot be a hub is refused", async () => {
  const server = await emulator({ hubs: [{ name: "b" }, { name: "a" }] });
  const { text } = await call(server, "GET", "/$Resources/EventHubs");
  expect([...text.matchAll(/<entry>.*?<title type="text">(.*?)<\/title>/g)].map(([, name]) => name)).toEqual([
    "a",
    "b",
  ]);
  const parts = (count: number) =>
    entry(
      `<EventHubDescription xmlns="${XMLNS}"><PartitionCount>${count}</PartitionCount></EventHubDescription>`,
    );
  for (const [path, body] of [
    ["/c", parts(0)],
    ["/c", parts(5000)],
    ["/c", { body: "<what/>" }],
    ["/-c", {}],
    [`/${"c".repeat(257)}`, {}],
    ["/a/consumergroups/a%20b", {}],
    ["/%E0%A4%A", {}],
  ] as const) {
    expect((await call(server, "PUT", path, body)).status).toBe(400);
  }
  expect((await call(server, "PATCH", "/a")).status).toBe(405);
  expect((await call(server, "GET", "/a/b/c/d")).status).toBe(404);
});

test("only a token with the Manage claim, for the entity, lets anyone manage", async () => {
  const root: AccessKey = { name: "root", key: "a" };
  const sender: AccessKey = { name: "sender", key: "b", claims: ["Send"] };
  const server = await emulator({ keys: [root, sender] });
  const put = async (authorization: string) =>
    (await call(server, "PUT", "/orders", { authorization })).status;
  expect(await put("")).toBe(401);
  expect(await put(sasToken(`${server.url}/orders`, sender))).toBe(401);
  expect(await put(sasToken(`${server.url}/offers`, root))).toBe(401);
  expect(await put(sasToken(`${server.url}/orders`, root, -1))).toBe(401);
  expect(await put(sasToken(`sb://127.0.0.1:${server.port}/orders`, root))).toBe(201);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  expect((await fetch(server.url)).status).toBe(200);
});
