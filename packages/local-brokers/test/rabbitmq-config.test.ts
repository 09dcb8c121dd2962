import { describe, expect, it } from "vitest";
import { rabbitmqConfig, rabbitmqDefinitions, rabbitmqEnvironment } from "../src/rabbitmq/config.ts";
import { rabbitmqCredentials } from "../src/rabbitmq/credentials.ts";

describe("RabbitMQ's configuration", () => {
  it("listens on loopback only, for clients, for other nodes and for the port mapper", () => {
    const environment = rabbitmqEnvironment({ amqp: 5699, distribution: 21001, epmd: 21002 }, "/waybill");
    expect(rabbitmqConfig(5699, "/waybill/config")).toContain("listeners.tcp.1 = 127.0.0.1:5699\n");
    expect(environment.RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS).toContain("inet_dist_use_interface {127,0,0,1}");
    expect(environment.ERL_EPMD_ADDRESS).toBe("127.0.0.1");
  });

  it("keeps everything in the broker's own folder", () => {
    const environment = rabbitmqEnvironment({ amqp: 5699, distribution: 21001, epmd: 21002 }, "/waybill");
    for (const name of ["HOME", "RABBITMQ_MNESIA_BASE", "RABBITMQ_LOG_BASE", "RABBITMQ_CONFIG_FILE"]) {
      expect(environment[name], name).toMatch(/^\/waybill\//);
    }
  });

  it("has a user that may do everything and one that may do nothing", () => {
    const { users, permissions } = JSON.parse(rabbitmqDefinitions(rabbitmqCredentials(5699)));
    expect(users.map((user: { name: string }) => user.name)).toEqual(["guest", "waybill-denied"]);
    expect(permissions).toContainEqual({
      user: "guest",
      vhost: "/",
      configure: ".*",
      write: ".*",
      read: ".*",
    });
    expect(permissions).toContainEqual({
      user: "waybill-denied",
      vhost: "/",
      configure: "^$",
      write: "^$",
      read: "^$",
    });
  });
});
