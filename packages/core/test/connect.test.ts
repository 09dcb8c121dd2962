import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { type Adapter, type ClientOptions, connect, type Driver, topic } from "../src/index.ts";
import { systemClock } from "../src/spi/index.ts";
import { everything, ScriptedDriver } from "./scripted-driver.ts";
import { failureOf } from "./workbench.ts";

const secret = "s3cr3t/with@signs";

function adapter(name: string, fromUrl: Adapter["fromUrl"] = () => new ScriptedDriver()): Adapter {
  return { name, schemes: [name], fromUrl };
}

/** Options as a program without types might give them. */
const loose = (options: object) => options as ClientOptions;

describe("connect by URL", () => {
  it("finds its adapter among those given, by scheme, in any case", async () => {
    const urls: string[] = [];
    const given = adapter("mine", (url) => {
      urls.push(url);
      return new ScriptedDriver();
    });
    const adapters = [adapter("other"), given];
    await (await connect("MINE://host", { adapters })).close();
    await (await connect(new URL("mine://host"), { adapters })).close();
    await (await connect({ url: "mine://host", adapters })).close();
    expect(urls).toEqual(["MINE://host", "mine://host", "mine://host"]);
  });

  it("hands the environment to the adapter, for secrets that are in no URL", async () => {
    const seen: unknown[] = [];
    const given = adapter("mine", (_url, env) => {
      seen.push(env.BROKER_PASSWORD);
      return new ScriptedDriver();
    });
    await (await connect("mine:", { adapters: [given], env: { BROKER_PASSWORD: "x" } })).close();
    expect(seen).toEqual(["x"]);
  });

  it("of an unknown scheme names those there are", async () => {
    const error = await failureOf(connect("nats://host", { adapters: [adapter("mine")] }));
    expect(error?.code).toBe("UNKNOWN_SCHEME");
    for (const scheme of ["mine:", "memory:", "kafka:", "amqp:", "redis:"])
      expect(error?.message).toContain(scheme);
  });

  it("of an object's own property is no scheme", async () => {
    expect((await failureOf(connect("constructor:")))?.code).toBe("UNKNOWN_SCHEME");
  });

  it("never shows the URL, whatever is wrong with it", async () => {
    const parsing = adapter("mine", (url) => {
      new URL(`http://[${url}`);
      return new ScriptedDriver();
    });
    const urls = [
      `//user:${secret}@host`,
      `127.0.0.1:9092?password=${secret}`,
      `nats://user:${secret}@host`,
      `mine://user:${secret}@host`,
    ];
    for (const url of urls) {
      const error = await failureOf(connect(url, { adapters: [parsing] }));
      expect(error?.code).toMatch(/INVALID_ARGUMENT|UNKNOWN_SCHEME/);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("s3cr3t");
    }
  });
});

describe("connect with a driver", () => {
  it("made for another version of the interface is refused before any I/O", async () => {
    const driver = new ScriptedDriver();
    const other = Object.assign(Object.create(driver), {
      specVersion: "2",
      capabilities: everything,
    }) as Driver;
    const error = await failureOf(connect(other));
    expect(error?.code).toBe("INVALID_ARGUMENT");
    expect(error?.message).toMatch(/version "2".*version "1"/);
    expect(driver.attempts).toBe(0);
  });

  it("that is none is refused, also when an adapter made it", async () => {
    const none = { specVersion: "1", capabilities: {} } as unknown as Driver;
    expect((await failureOf(connect(none)))?.code).toBe("INVALID_ARGUMENT");
    const adapters = [adapter("mine", () => undefined as unknown as Driver)];
    expect((await failureOf(connect("mine:", { adapters })))?.code).toBe("INVALID_ARGUMENT");
  });

  it("that is not the broker's names adapter, hosts and time, and shows no credentials", async () => {
    const refusing = () =>
      new ScriptedDriver({
        connect: () => {
          throw new Error("Parse Error: Expected HTTP/");
        },
      });
    const adapters = [adapter("mine", refusing)];
    const url = `mine://user:${secret}@a.example:80,b.example:81/vhost?password=${secret}`;
    const error = await failureOf(connect(url, { adapters, connectTimeoutMs: 50 }));
    expect(error).toMatchObject({
      retryable: true,
      remedy: expect.stringContaining("Check that the broker (scripted) listens there"),
      details: { adapter: "scripted", endpoint: "a.example:80,b.example:81", triedMs: 50 },
    });
    expect(error?.message).toContain(
      "Could not connect to scripted at a.example:80,b.example:81 within 50 ms",
    );
    expect(inspect(error, { depth: 9 })).not.toContain("s3cr3t");
  });

  it("says what it is connected to", async () => {
    const client = await connect({ driver: new ScriptedDriver() });
    expect(client.broker).toEqual({ adapter: "scripted", name: "scripted", version: undefined });
    expect(client.native).toBe("the vendor's client");
    await client.close();
  });

  it("shows credentials of no vendor error", async () => {
    const driver = new ScriptedDriver({
      connect: () => {
        throw new Error(`cannot reach amqp://user:${secret}@host:5672/vhost`);
      },
    });
    const error = await failureOf(connect(driver, { connectTimeoutMs: 10 }));
    expect(error?.message).toContain("amqp://***@host:5672/vhost");
    expect(error?.message).not.toContain("s3cr3t");
  });

  it("of nothing that could be connected to is refused", async () => {
    for (const wrong of [undefined, null, 5, {}, { url: undefined }]) {
      expect((await failureOf(connect(wrong as unknown as string)))?.code).toBe("INVALID_ARGUMENT");
    }
  });
});

describe("options of connect", () => {
  const wrong: [object, string][] = [
    [{ prefetch: 5 }, "UNKNOWN_OPTION"],
    [{ maxPending: { message: 5 } }, "UNKNOWN_OPTION"],
    [{ reconnect: { initial: 5 } }, "UNKNOWN_OPTION"],
    [{ middleware: { consume: [] } }, "UNKNOWN_OPTION"],
    [{ topology: "crate" }, "INVALID_ARGUMENT"],
    [{ requires: ["teleport"] }, "INVALID_ARGUMENT"],
    [{ prefix: "a..b" }, "INVALID_ARGUMENT"],
    [{ prefix: ".a" }, "INVALID_ARGUMENT"],
    [{ prefix: 5 }, "INVALID_ARGUMENT"],
    [{ names: { orders: "" } }, "INVALID_ARGUMENT"],
    [{ names: null }, "INVALID_ARGUMENT"],
    [{ connectTimeoutMs: -1 }, "INVALID_ARGUMENT"],
    [{ publishTimeoutMs: Number.NaN }, "INVALID_ARGUMENT"],
    [{ drainTimeoutMs: "5" }, "INVALID_ARGUMENT"],
    [{ maxPending: { messages: 0 } }, "INVALID_ARGUMENT"],
    [{ reconnect: { initialMs: 0 } }, "INVALID_ARGUMENT"],
  ];
  for (const [options, code] of wrong) {
    it(`${inspect(options)} is ${code}, before any I/O`, async () => {
      const driver = new ScriptedDriver();
      expect((await failureOf(connect(driver, loose(options))))?.code).toBe(code);
      expect(driver.attempts).toBe(0);
    });
  }

  it("a prefix of any length is read in no time", async () => {
    const error = await failureOf(connect(new ScriptedDriver(), { prefix: `${"a".repeat(100_000)}!` }));
    expect(error?.code).toBe("INVALID_ARGUMENT");
  });

  it("`requires` refuses a broker that lacks a feature, naming feature, adapter and remedy", async () => {
    const driver = new ScriptedDriver({ capabilities: { features: {} } });
    const error = await failureOf(connect(driver, { requires: ["delay"] }));
    expect(error).toMatchObject({
      code: "UNSUPPORTED",
      name: "UnsupportedError",
      details: { adapter: "scripted" },
      remedy: expect.any(String),
    });
    expect(driver.attempts).toBe(0);
  });

  it("times without end are waited for, not passed at once", async () => {
    const client = await connect(new ScriptedDriver(), {
      connectTimeoutMs: Number.POSITIVE_INFINITY,
      publishTimeoutMs: Number.POSITIVE_INFINITY,
      drainTimeoutMs: Number.POSITIVE_INFINITY,
    });
    await client.publish(topic<number>("numbers"), 1);
    await client.close();
    let called = false;
    const timer = systemClock.setTimeout(() => {
      called = true;
    }, Number.POSITIVE_INFINITY);
    await new Promise((resolve) => setTimeout(resolve, 20));
    systemClock.clearTimeout(timer);
    expect(called).toBe(false);
  });
});
