import { describe, expect, it } from "vitest";
import { type ClientOptions, connect, type MessagingError, topic } from "../src/index.ts";
import { ManualClock } from "./manual-clock.ts";
import { type Script, ScriptedDriver, VendorError } from "./scripted-driver.ts";
import { connected, failureOf, gate, never } from "./workbench.ts";

const Numbers = topic<number>("numbers");

/** `connect` under way on a clock that stands still. */
function connecting(script: Script, options: ClientOptions = {}) {
  const clock = new ManualClock();
  const driver = new ScriptedDriver(script);
  const client = connect(driver, { clock, onError: () => {}, ...options });
  return { clock, driver, client, failure: failureOf(client) };
}

const refuse = (code: "UNREACHABLE" | "AUTHENTICATION_FAILED") => () => {
  throw new VendorError(code);
};

describe("the first connection", () => {
  it("is tried again while the broker cannot be reached", async () => {
    const { clock, driver, client } = connecting({
      connect: (attempt) => {
        if (attempt < 4) throw new VendorError("UNREACHABLE");
      },
    });
    await clock.pass(2_000);
    expect((await client).health().status).toBe("up");
    expect(driver.attempts).toBe(4);
    expect(clock.timers).toBe(0);
  });

  it("is given up at `connectTimeoutMs`, with the broker's reason", async () => {
    const { clock, failure } = connecting({ connect: refuse("UNREACHABLE") }, { connectTimeoutMs: 1_000 });
    await clock.pass(1_000);
    expect(await failure).toMatchObject({ code: "UNREACHABLE", retryable: true });
    expect(clock.timers).toBe(0);
  });

  it("fails at once where trying again is of no use", async () => {
    const { driver, failure } = connecting({ connect: refuse("AUTHENTICATION_FAILED") });
    expect((await failure)?.code).toBe("AUTHENTICATION_FAILED");
    expect(driver.attempts).toBe(1);
  });

  it("says why the last attempt failed, not that it was cut short", async () => {
    const { clock, failure } = connecting(
      {
        connect: async (attempt, { signal }) => {
          if (attempt === 1) throw new VendorError("UNREACHABLE");
          await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        },
      },
      { connectTimeoutMs: 1_000 },
    );
    await clock.pass(1_000);
    expect((await failure)?.code).toBe("UNREACHABLE");
  });

  it("does not wait for ever for a driver that does not heed its signal, and closes what comes late", async () => {
    const late = gate();
    const { clock, driver, failure } = connecting(
      { connect: () => late.opened },
      { connectTimeoutMs: 1_000 },
    );
    await clock.pass(6_000);
    expect((await failure)?.code).toBe("UNREACHABLE");
    late.open();
    await clock.settle();
    expect(driver.connection.closed).toBe(1);
  });

  it("that is lost before it was handed over is made anew", async () => {
    const clock = new ManualClock();
    const driver = new ScriptedDriver();
    const original = driver.connect.bind(driver);
    driver.connect = async (hooks, call) => {
      const connection = await original(hooks, call);
      if (driver.attempts === 1) hooks.lost(new VendorError("CONNECTION_LOST"));
      return connection;
    };
    const client = connect(driver, { clock, onError: () => {} });
    await clock.pass(500);
    expect((await client).health().status).toBe("up");
    expect(driver.connections.map(({ closed }) => closed)).toEqual([1, 0]);
  });
});

describe("a lost connection", () => {
  it("is closed and made anew, with pauses that grow up to the maximum", async () => {
    const times: number[] = [];
    let down = false;
    const { client, driver, clock } = await connected(
      {
        connect: () => {
          if (!down) return;
          times.push(clock.now());
          throw new VendorError("UNREACHABLE");
        },
      },
      { reconnect: { initialMs: 100, maxMs: 400 } },
    );
    down = true;
    driver.connection.hooks.lost(new Error("gone"));
    await clock.pass(3_000);
    expect(driver.connection.closed).toBe(1);
    const pauses = times.slice(1).map((time, i) => time - (times[i] as number));
    const most = [100, 200, 400, 400, 400];
    most.forEach((ms, i) => {
      expect(pauses[i]).toBeLessThanOrEqual(ms);
      expect(pauses[i]).toBeGreaterThanOrEqual(ms / 2);
    });
    down = false;
    await clock.pass(500);
    expect(client.health()).toMatchObject({ status: "up", error: undefined });
  });

  it("is CONNECTION_LOST and retryable, whatever the driver says of the cause", async () => {
    const { client, driver, errors } = await connected({
      connect: (attempt) => (attempt > 1 ? never : undefined),
    });
    driver.connection.hooks.lost(new VendorError("PERMISSION_DENIED"));
    expect(client.health()).toMatchObject({ status: "recovering", error: { code: "CONNECTION_LOST" } });
    expect(errors).toMatchObject([{ code: "CONNECTION_LOST", retryable: true }]);
  });

  it("holds publishes back until there is another", async () => {
    const reconnected = gate();
    const { client, driver, clock } = await connected({
      connect: (attempt) => (attempt > 1 ? reconnected.opened : undefined),
    });
    await client.publish(Numbers, 1);
    driver.connection.hooks.lost(new Error("gone"));
    const published = client.publish(Numbers, 2);
    await clock.pass(1_000);
    expect(driver.sent("numbers")).toHaveLength(1);
    reconnected.open();
    await published;
    expect(driver.sent("numbers")).toHaveLength(2);
  });

  it("is told once per kind of error, however long the outage lasts", async () => {
    let code: "UNREACHABLE" | "AUTHENTICATION_FAILED" = "UNREACHABLE";
    const { driver, clock, errors } = await connected({
      connect: (attempt) => {
        if (attempt > 1) throw new VendorError(code);
      },
    });
    driver.connection.hooks.lost(new Error("gone"));
    await clock.pass(20_000);
    code = "AUTHENTICATION_FAILED";
    await clock.pass(20_000);
    expect(errors.map((error) => error.code)).toEqual([
      "CONNECTION_LOST",
      "UNREACHABLE",
      "AUTHENTICATION_FAILED",
    ]);
  });

  it("that cannot be closed does not keep the next from being made", async () => {
    for (const closeConnection of [() => never, () => Promise.reject(new Error("cannot"))]) {
      const { client, driver, clock } = await connected({ closeConnection });
      driver.connection.hooks.lost(new Error("gone"));
      await clock.pass(10_000);
      expect(client.health().status).toBe("up");
      expect(driver.attempts).toBe(2);
    }
  });

  it("is lost once, however often the driver says so, and an old one says nothing of the new", async () => {
    const { client, driver, clock, errors } = await connected();
    const old = driver.connection;
    old.hooks.lost(new Error("gone"));
    old.hooks.lost(new Error("gone"));
    await clock.pass(1_000);
    old.hooks.lost(new Error("still gone"));
    expect(errors).toHaveLength(1);
    expect(client.health().status).toBe("up");
  });

  it("is survived by a client whose `onError` throws", async () => {
    const clock = new ManualClock();
    const driver = new ScriptedDriver();
    const { error: print } = console;
    const printed: unknown[] = [];
    console.error = (line) => printed.push(line);
    try {
      const client = await connect(driver, {
        clock,
        onError: () => {
          throw new Error("the application's own mistake");
        },
      });
      driver.connection.hooks.lost(new Error("gone"));
      await clock.pass(1_000);
      expect(client.health().status).toBe("up");
      expect(printed).toEqual([
        expect.stringContaining("`onError` threw"),
        expect.stringContaining("[waybill] CONNECTION_LOST"),
      ]);
    } finally {
      console.error = print;
    }
  });
});

describe("trouble in the background", () => {
  it("that is not fatal arrives at `onError`, in Waybill's words", async () => {
    const { driver, errors } = await connected();
    driver.connection.hooks.report(new VendorError("OVERLOADED"));
    expect(errors).toMatchObject([{ code: "OVERLOADED" }]);
  });

  it("is told to the observer as the connection's status", async () => {
    const told: [string, string | undefined][] = [];
    const { client, driver, clock } = await connected(
      {},
      { observer: { connection: (status, cause?: MessagingError) => told.push([status, cause?.code]) } },
    );
    driver.connection.hooks.lost(new Error("gone"));
    await clock.pass(1_000);
    await client.close();
    expect(told).toEqual([
      ["up", undefined],
      ["recovering", "CONNECTION_LOST"],
      ["up", undefined],
      ["closed", undefined],
    ]);
  });
});

describe("close", () => {
  it("while it reconnects ends the attempts, and everything that waited", async () => {
    let down = false;
    const { client, driver, clock } = await connected({
      connect: () => {
        if (down) throw new VendorError("UNREACHABLE");
      },
    });
    down = true;
    driver.connection.hooks.lost(new Error("gone"));
    const declared = failureOf(client.topology.declare(Numbers));
    await clock.pass(1_000);
    const closing = client.close({ timeoutMs: 0 });
    await clock.pass(1_000);
    await closing;
    const attempts = driver.attempts;
    await clock.pass(60_000);
    expect(driver.attempts).toBe(attempts);
    expect((await declared)?.code).toBe("CLOSED");
    expect(clock.timers).toBe(0);
  });

  it("closes a connection that comes while it closes", async () => {
    const late = gate();
    const { client, driver, clock } = await connected({
      connect: (attempt) => (attempt > 1 ? late.opened : undefined),
    });
    driver.connection.hooks.lost(new Error("gone"));
    await clock.settle();
    await client.close({ timeoutMs: 0 });
    late.open();
    await clock.settle();
    expect(driver.connections.map(({ closed }) => closed)).toEqual([1, 1]);
  });

  it("ends in bounded time when the connection does not", async () => {
    const { client, clock } = await connected({ closeConnection: () => never });
    const closing = client.close();
    await clock.pass(10_000);
    await closing;
    expect(client.health().status).toBe("closed");
  });

  it("closes the connection once, however often it is asked", async () => {
    const { client, driver } = await connected();
    await Promise.all([client.close(), client.close()]);
    await client.close();
    expect(driver.connection.closed).toBe(1);
    expect(client.native).toBe(undefined);
  });
});
