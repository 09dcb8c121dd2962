import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { call, item, message } from "../../../scripts/testing/workbench.ts";
import { classify } from "../src/errors.ts";
import { adapter, rabbitmq } from "../src/index.ts";
import { settingsFromUrl } from "../src/options.ts";
import { brokerUrl, RabbitmqBench } from "./workbench.ts";

const bench = new RabbitmqBench();
afterEach(() => bench.end());

const failureOf = (url: string) =>
  bench.connect({}, adapter.fromUrl(url, {})).then(
    () => undefined,
    (cause: unknown) => cause as Error,
  );

describe("connecting", () => {
  it("passes over nodes that cannot be reached", async () => {
    const { hosts } = settingsFromUrl(brokerUrl, {});
    const connection = await bench.connect({ hosts: ["127.0.0.1:1", ...hosts] });
    expect(connection.broker).toMatchObject({
      name: "RabbitMQ",
      version: expect.stringMatching(/^\d+\.\d+/),
    });
  });

  it("tells why it failed, without the password", async () => {
    const wrong = await failureOf(brokerUrl.replace(/\/\/[^@]*@/, "//guest:hunter2@"));
    expect(classify(wrong)).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(JSON.stringify(wrong, Object.getOwnPropertyNames(wrong))).not.toContain("hunter2");
    const noVhost = await failureOf(`${brokerUrl}/there-is-none`);
    expect(classify(noVhost)).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(classify(await failureOf("amqp://127.0.0.1:1"))).toMatchObject({ code: "UNREACHABLE" });
    const plain = await failureOf(brokerUrl.replace("amqp:", "amqps:"));
    expect(classify(plain)).toMatchObject({ code: "UNREACHABLE", retryable: false });
  });

  it("gives up when its signal fires", async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const driver = rabbitmq({ hosts: [`127.0.0.1:${(silent.address() as AddressInfo).port}`] });
    const hooks = { lost: () => undefined, report: () => undefined };
    const connecting = driver.connect(hooks, { signal: AbortSignal.timeout(200) });
    await expect(connecting).rejects.toMatchObject({ code: "TIMEOUT", retryable: true });
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it("leaves no connection open, however often it is closed", async () => {
    const connection = await bench.connect();
    const queue = bench.address("queue");
    await connection.topology.ensure([item(queue)], call);
    await connection.publish(queue, [message()], call);
    await connection.topology.remove([queue], call);
    await Promise.all([connection.close(), connection.close()]);
    await connection.close();
    expect(bench.lost).toEqual([]);
    await expect(connection.publish(queue, [message()], call)).rejects.toBeDefined();
  });
});
