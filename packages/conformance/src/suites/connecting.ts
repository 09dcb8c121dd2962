import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { inspect } from "node:util";
import { connect, topic } from "@waybill/core";
import { suite } from "../case.ts";
import { failure } from "../failing.ts";

/** Reaching a broker, or being told in time why not. */
export const connecting = suite("connecting", [
  {
    id: "opens-closes-opens",
    title: "A driver whose client was closed connects again, and what was stored in between is still there.",
    guarantee: "G1",
    async run(context) {
      const driver = context.driver();
      const queue = context.queue<number>();
      const first = await context.connect({}, driver);
      await first.send(queue, 1);
      await first.close();
      const second = await context.connect({}, driver);
      await second.send(queue, 2);
      const seen = await context.collect(second, queue);
      await seen.first(2);
      assert.deepEqual([...seen.values].sort(), [1, 2]);
    },
  },
  {
    id: "tells-its-broker",
    title: "A client tells which adapter and broker it has, and gives the vendor's own client.",
    guarantee: "G12",
    async run(context) {
      const driver = context.driver();
      const client = await context.connect({}, driver);
      assert.equal(client.broker.adapter, driver.name);
      assert.equal(typeof client.broker.name, "string");
      assert(client.native !== undefined && client.native !== null);
    },
  },
  {
    id: "nobody-there",
    title: "Connecting where nobody listens fails within its bound, as UNREACHABLE and retryable.",
    guarantee: "G10",
    parts: ["endpoint"],
    async run(context) {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as { port: number };
      server.close();
      await once(server, "close");
      const driver = context.driver({ host: "127.0.0.1", port });
      const began = performance.now();
      const error = await failure(
        () => connect(driver, { connectTimeoutMs: 1_500, onError: () => undefined }),
        "UNREACHABLE",
      );
      assert(performance.now() - began < 11_500, "fails within its bound");
      assert.equal(error.retryable, true);
    },
  },
  {
    id: "silent-broker",
    title: "Connecting to something that takes the connection and says nothing fails within its bound.",
    guarantee: "G10",
    parts: ["endpoint"],
    async run(context) {
      const sockets: { destroy(): void }[] = [];
      const server = createServer((socket) => {
        socket.on("error", () => undefined);
        sockets.push(socket);
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      context.atEnd(() => {
        for (const socket of sockets) socket.destroy();
        server.close();
      });
      const { port } = server.address() as { port: number };
      const driver = context.driver({ host: "127.0.0.1", port });
      const began = performance.now();
      const error = await failure(
        () => connect(driver, { connectTimeoutMs: 1_500, onError: () => undefined }),
        "UNREACHABLE",
        "TIMEOUT",
      );
      assert(performance.now() - began < 11_500, "fails within its bound");
      assert.equal(error.retryable, true);
    },
  },
  {
    id: "bad-credentials",
    title:
      "Credentials that the broker refuses are AUTHENTICATION_FAILED, at once, and the secret shows nowhere.",
    guarantee: "G12",
    parts: ["refused"],
    async run(context) {
      const { refused, refusedSecret } = context.target;
      const driver = (refused as NonNullable<typeof refused>)();
      const background: unknown[] = [];
      const error = await context.inTime(
        "to be refused",
        15_000,
        failure(
          () => connect(driver, { connectTimeoutMs: 20_000, onError: (report) => background.push(report) }),
          "AUTHENTICATION_FAILED",
        ),
      );
      assert.equal(error.retryable, false);
      if (refusedSecret === undefined) return;
      const shown = inspect([error, background, driver], { depth: 10, showHidden: false });
      assert(!shown.includes(refusedSecret), "the secret shows in the error or the driver");
      assert(!JSON.stringify([error, error.details]).includes(refusedSecret));
    },
  },
  {
    id: "in-any-order",
    title: "A topic may be published to and subscribed to by clients that come in any order.",
    guarantee: "G2",
    async run(context) {
      const name = context.name();
      const contract = () => topic<string>(name);
      const publisher = await context.connect();
      await publisher.publish(contract(), "to nobody");
      const subscriber = await context.connect();
      const seen = await context.collect(subscriber, contract(), { group: context.name() });
      await publisher.publish(contract(), "to somebody");
      await seen.first(1);
      assert.deepEqual(seen.values, ["to somebody"]);
    },
  },
]);
