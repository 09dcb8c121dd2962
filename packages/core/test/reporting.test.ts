import { inspect } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import { errorLine } from "../src/errors/render-error.ts";
import { type ClientOptions, connect, type Logger, MessagingError, queue } from "../src/index.ts";
import { stored } from "../src/spi/index.ts";
import { ManualClock } from "./manual-clock.ts";
import { ScriptedDriver, VendorError } from "./scripted-driver.ts";
import { delivery, failureOf } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const lost = () => new Error("connect ECONNREFUSED amqp://app:s3cret@broker:5672");

afterEach(() => {
  vi.restoreAllMocks();
});

/** What reaches the console when a connection is lost. */
async function printed(options: ClientOptions): Promise<string[]> {
  const lines: string[] = [];
  for (const level of ["debug", "info", "warn", "error"] as const)
    vi.spyOn(console, level).mockImplementation((...given) => {
      lines.push(
        `${level}: ${given.map((each) => (typeof each === "string" ? each : inspect(each))).join(" ")}`,
      );
    });
  const clock = new ManualClock();
  const driver = new ScriptedDriver();
  const client = await connect(driver, { clock, ...options });
  driver.connection.hooks.lost(lost());
  await clock.pass(1_000);
  expect(client.health().status).toBe("up");
  await client.close();
  return lines;
}

describe("reports", () => {
  it("go to the console by default, one line each, with a prefix and without any secret", async () => {
    const lines = await printed({});
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^error: \[waybill\] CONNECTION_LOST: /);
    expect(lines[0], "the cause, once").toMatch(/^(?:(?!ECONNREFUSED).)*ECONNREFUSED(?:(?!ECONNREFUSED).)*$/);
    expect(lines[0]).toContain("amqp://***@broker:5672");
    expect(lines[0], "no stack").not.toContain("\n");
    expect(lines.join()).not.toContain("s3cret");
  });

  it("go to a console that was passed with their stacks beneath, as a matter of debugging", async () => {
    const lines = await printed({ logger: console });
    expect(lines.map((line) => line.split(" ")[0])).toEqual(["error:", "debug:"]);
    expect(lines[0]).not.toContain("\n");
    expect(lines[1]).toMatch(/^debug: \[waybill\] \n {4}at .*reporting\.test\.ts/);
    expect(lines.join()).not.toContain("s3cret");
  });

  it("name a cause once, and in one line whatever its text", () => {
    const cause = new Error("no\n  stock");
    const retold = new MessagingError("TIMEOUT", "It failed: no stock.", { remedy: "Wait.", cause });
    expect(errorLine(retold)).toBe("TIMEOUT: It failed: no stock. Wait.");
    const untold = new MessagingError("TIMEOUT", "It failed.", { remedy: "Wait.", cause });
    expect(errorLine(untold)).toBe("TIMEOUT: It failed. Wait. (caused by: Error: no stock)");
  });

  it("go to `onError` and to the logger, as plain data and a sentence", async () => {
    const calls: unknown[][] = [];
    const level =
      (name: string) =>
      (...given: unknown[]) =>
        calls.push([name, ...given]);
    const logger = { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
    const errors: MessagingError[] = [];
    expect(await printed({ logger, onError: (error) => errors.push(error) })).toEqual([]);
    expect(errors).toMatchObject([{ code: "CONNECTION_LOST" }]);
    expect(calls).toEqual([["error", errors[0]?.toJSON(), errors[0]?.message]]);
    expect(inspect(calls, { depth: 9 })).not.toContain("s3cret");
  });

  it("go nowhere with `logger: false`", async () => {
    expect(await printed({ logger: false })).toEqual([]);
  });

  const throwing = () => {
    throw new Error("the application's own mistake");
  };
  const rejecting = () => Promise.reject(new Error("the application's own mistake"));
  const loggers: Logger[] = [throwing, rejecting].map((mistake) => ({
    debug: mistake,
    info: mistake,
    warn: mistake,
    error: mistake,
  }));
  it("harm nothing when `onError`, the logger or the observer throws or rejects", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    for (const mistake of [throwing, rejecting]) {
      for (const logger of loggers)
        expect(await printed({ logger, onError: mistake })).toContainEqual(
          expect.stringContaining("The logger threw"),
        );
    }
    const errors: MessagingError[] = [];
    const observer = {
      published: throwing,
      received: rejecting,
      handled: throwing,
      settled: rejecting,
      connection: throwing,
    };
    const clock = new ManualClock();
    const driver = new ScriptedDriver();
    const client = await connect(driver, {
      clock,
      observer,
      logger: false,
      onError: (error) => errors.push(error),
    });
    await client.consume(Jobs, () => {});
    for (let i = 0; i < 3; i++) {
      await client.send(Jobs, i);
      driver.consumer().deliver(delivery(i));
      await clock.settle();
    }
    expect(driver.consumer().settled).toEqual(["ack 0", "ack 1", "ack 2"]);
    await client.close();
    const told = errors.map(({ message }) => /`(\w+)` threw/.exec(message)?.[1]).sort();
    expect(told, "each is told of once").toEqual([
      "connection",
      "handled",
      "published",
      "received",
      "settled",
    ]);
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it("have no methods that nobody calls", async () => {
    const wrong: [object, string][] = [
      [{ observer: { publishd: () => {} } }, "UNKNOWN_OPTION"],
      [{ observer: { published: 5 } }, "INVALID_ARGUMENT"],
      [{ observer: 5 }, "INVALID_ARGUMENT"],
      [{ logger: { warn: () => {} } }, "INVALID_ARGUMENT"],
      [{ logger: null }, "INVALID_ARGUMENT"],
      [{ onError: 5 }, "INVALID_ARGUMENT"],
      [{ clock: {} }, "INVALID_ARGUMENT"],
      [{ middleware: { publish: [5] } }, "INVALID_ARGUMENT"],
      [{ adapters: [{}] }, "INVALID_ARGUMENT"],
    ];
    for (const [options, code] of wrong)
      expect((await failureOf(connect(new ScriptedDriver(), options as ClientOptions)))?.code).toBe(code);
  });
});

describe("an observer that is an instance of a class", () => {
  class Base {
    handled() {}
    publishd() {}
  }
  class Metrics extends Base {
    readonly #count = 0;
    get count() {
      return this.#count;
    }
    received() {}
    recieved() {}
  }

  it("is told once of the methods that nothing calls, also inherited ones", async () => {
    const errors: MessagingError[] = [];
    await connect(new ScriptedDriver(), {
      observer: new Metrics(),
      onError: (error) => errors.push(error),
      logger: false,
    });
    expect(errors).toMatchObject([
      { code: "UNKNOWN_OPTION", details: { methods: ["recieved", "publishd"] } },
    ]);
  });

  it("is told nothing where all of them are called", async () => {
    class Right {
      handled() {}
    }
    const errors: MessagingError[] = [];
    for (const observer of [new Right(), { handled: () => {} }, Object.create(null)])
      await connect(new ScriptedDriver(), {
        observer,
        onError: (error) => errors.push(error),
        logger: false,
      });
    expect(errors).toEqual([]);
  });
});

describe("health", () => {
  it("says since when publishing fails, and since when it does not any more, whenever it is asked", async () => {
    const clock = new ManualClock();
    let fails = false;
    const driver = new ScriptedDriver({
      publish: (batch) =>
        batch.map(() => (fails ? { ok: false, cause: new VendorError("OVERLOADED") } : stored)),
    });
    const client = await connect(driver, { clock, logger: false });
    await clock.pass(1_000);
    fails = true;
    const downSince = clock.now();
    let upSince = 0;
    const sent = client.send(Jobs, 1).then(() => {
      upSince = clock.now();
    });
    await clock.pass(3_000);
    expect(client.health()).toMatchObject({ status: "recovering", since: downSince });
    fails = false;
    await clock.pass(60_000);
    await sent;
    expect(upSince).toBeGreaterThan(downSince);
    expect(client.health()).toMatchObject({ status: "up", since: upSince });
  });

  it("is plain data that says since when", async () => {
    const clock = new ManualClock();
    let down = false;
    const driver = new ScriptedDriver({
      connect: () => {
        if (down) throw lost();
      },
    });
    const client = await connect(driver, { clock, logger: false });
    const upSince = clock.now();
    await client.consume(Jobs, () => {});
    await clock.pass(5_000);
    expect(client.health()).toMatchObject({
      status: "up",
      since: upSince,
      subscriptions: [{ since: upSince }],
    });
    down = true;
    const downSince = clock.now();
    driver.connection.hooks.lost(lost());
    await clock.pass(5_000);
    const text = JSON.stringify(client.health());
    expect(JSON.parse(text)).toMatchObject({
      status: "recovering",
      since: downSince,
      error: { code: "BROKER_ERROR", retryable: true, message: expect.any(String) },
    });
    expect(text).not.toContain("s3cret");
  });
});
