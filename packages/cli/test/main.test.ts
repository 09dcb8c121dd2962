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
    [[], "waybill was called without a command. Choose one of: brokers, conformance."],
    [["brokrs"], 'waybill has no command "brokrs". Choose one of: '],
    [["brokers"], "waybill brokers was called without a command. Choose one of: up, status, down."],
    [["brokers", "start"], 'waybill brokers has no command "start". Choose one of: up, status, down.'],
    [
      ["brokers", "up", "kafak"],
      'There is no broker "kafak". Choose from: kafka, rabbitmq, redis, sns-sqs, google-pubsub, event-hubs.',
    ],
    [["brokers", "up", "--fast"], "Unknown option '--fast'"],
    [["brokers", "up", "--using", "magic"], '--using was given "magic". Write container or native.'],
    [
      ["brokers", "up", "--port", "9092"],
      '--port was given "9092". Write <name>=<port>, such as kafka=19092.',
    ],
    [["brokers", "down", "--port", "nats=4222"], 'There is no broker "nats". Choose from: '],
    [["brokers", "status", "--purge"], "Unknown option '--purge'"],
  ])("%j is a usage error, and says why", async (args, message) => {
    const { code, out, err } = await waybill(args);
    expect(err).toContain(message);
    expect([code, out]).toEqual([2, ""]);
  });
});
