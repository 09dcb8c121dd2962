import { describe, expect, it } from "vitest";
import { waybill } from "./run.ts";

describe("waybill", () => {
  it.each([
    [["--help"], "Usage: waybill <command>"],
    [["help"], "Usage: waybill <command>"],
    [["brokers", "--help"], "Usage: waybill brokers <command>"],
    [["brokers", "-h"], "Usage: waybill brokers <command>"],
    [["brokers", "up", "--help"], "Usage: waybill brokers up [names…] [flags]"],
    [["brokers", "status", "redis", "--help"], "Usage: waybill brokers status [names…] [flags]"],
    [["brokers", "down", "-h"], "Usage: waybill brokers down [names…] [flags]"],
    [["conformance", "--help"], "Usage: waybill conformance <url> [flags]"],
  ])("%j prints help to standard output", async (args, usage) => {
    const { code, out, err } = await waybill(args);
    expect(out).toContain(usage);
    expect([code, err]).toEqual([0, ""]);
  });

  it.each([
    [[], "waybill needs a command: "],
    [["brokrs"], 'waybill has no command "brokrs"; it has: '],
    [["brokers"], "waybill brokers needs a command: up, status, down"],
    [["brokers", "start"], 'waybill brokers has no command "start"; it has: up, status, down'],
    [
      ["brokers", "up", "kafak"],
      'there is no broker "kafak"; there are: kafka, rabbitmq, redis, sns-sqs, google-pubsub, event-hubs',
    ],
    [["brokers", "up", "--fast"], "Unknown option '--fast'"],
    [["brokers", "up", "--using", "magic"], '--using takes container or native, not "magic"'],
    [["brokers", "up", "--port", "9092"], '--port takes <name>=<port>, such as kafka=19092, not "9092"'],
    [["brokers", "down", "--port", "nats=4222"], 'there is no broker "nats"'],
    [["brokers", "status", "--purge"], "Unknown option '--purge'"],
  ])("%j is not understood, and says why", async (args, message) => {
    const { code, out, err } = await waybill(args);
    expect(err).toContain(message);
    expect([code, out]).toEqual([2, ""]);
  });
});
