import { createHmac } from "node:crypto";
import { afterAll, expect, it } from "vitest";
import { startOwn } from "./own-home.ts";

const broker = await startOwn("event-hubs");
afterAll(() => broker[Symbol.asyncDispose]());

it("has its hubs after SIGKILL, and the checkpoints outlive it beside it", async () => {
  expect((await manage("PUT", hubDescription)).status).toBe(201);

  await broker.control.kill();
  const checkpoints = new URL(new URL(broker.status.url ?? "").searchParams.get("checkpoints") ?? "");
  const storage = await fetch(`${checkpoints.origin}/devstoreaccount1?comp=list`);
  expect(storage.headers.get("server")).toContain("Azurite");

  await broker.control.start();
  const found = await manage("GET");
  expect(found.status).toBe(200);
  expect(await found.text()).toContain("<PartitionCount>3</PartitionCount>");
});

const hubDescription = `<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml">
<EventHubDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect">
<PartitionCount>3</PartitionCount></EventHubDescription></content></entry>`;

/** One call of the management API, on the hub of this test. */
async function manage(method: "PUT" | "GET", body: string | null = null): Promise<Response> {
  const { host, username, password } = new URL(broker.status.url ?? "");
  const resource = encodeURIComponent(`sb://${host}/`);
  const expiry = Math.floor(Date.now() / 1_000) + 300;
  const signature = createHmac("sha256", decodeURIComponent(password)).update(`${resource}\n${expiry}`);
  const token = `sr=${resource}&sig=${encodeURIComponent(signature.digest("base64"))}&se=${expiry}&skn=${username}`;
  return fetch(`http://${host}/orders?api-version=2014-01`, {
    method,
    headers: { authorization: `SharedAccessSignature ${token}`, "content-type": "application/atom+xml" },
    body,
  });
}
