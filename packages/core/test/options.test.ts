import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { option, readOptions } from "../src/spi/index.ts";

const table = {
  host: option.string("Where.", "localhost", { env: "HOST" }),
  password: option.string("Secret.", undefined, { env: "PASSWORD", secret: true }),
  port: option.integer("Port.", 9092, { min: 1, max: 65_535 }, { env: "PORT" }),
  tls: option.boolean("Encrypted.", false),
  acks: option.oneOf("How sure.", ["all", "one"], "all"),
  brokers: option.list("All of them.", undefined),
  agent: option.object("The client's own.", "an object", (value) =>
    typeof value === "object" && value !== null ? value : undefined,
  ),
};

const read = (sources: Parameters<typeof readOptions>[2]) => readOptions("mine", table, sources);
const query = (text: string) => ({ query: new URLSearchParams(text) });

function errorOf(sources: Parameters<typeof readOptions>[2]) {
  try {
    read(sources);
  } catch (error) {
    return error as Error & { readonly code: string };
  }
  throw new Error("nothing was refused");
}

describe("options of an adapter", () => {
  it("have their fallbacks", () => {
    expect(read({})).toEqual({
      host: "localhost",
      password: undefined,
      port: 9092,
      tls: false,
      acks: "all",
      brokers: undefined,
      agent: undefined,
    });
  });

  it("come from the object, then the URL, then the environment", () => {
    const env = { HOST: "from-env", PORT: "1", PASSWORD: "x" };
    expect(read({ env })).toMatchObject({ host: "from-env", port: 1, password: "x" });
    expect(read({ env, ...query("host=from-url&port=2") })).toMatchObject({ host: "from-url", port: 2 });
    expect(read({ env, ...query("host=from-url"), object: { host: "given" } })).toMatchObject({
      host: "given",
    });
    expect(read({ env: { HOST: "" } }).host).toBe("localhost");
    expect(read({ object: { host: undefined } }).host).toBe("localhost");
  });

  it("are read as what they are", () => {
    const agent = {};
    expect(read(query("tls=true&acks=one&brokers=a:1,%20b:2"))).toMatchObject({
      tls: true,
      acks: "one",
      brokers: ["a:1", "b:2"],
    });
    expect(read({ object: { tls: true, acks: "one", brokers: ["a"], agent } })).toMatchObject({ agent });
  });

  const unknown: Parameters<typeof readOptions>[2][] = [
    { object: { hosts: "a" } },
    { object: { hosts: undefined } },
    { object: { toString: "a" } },
    query("hosts=a"),
    query("__proto__=a"),
  ];
  for (const sources of unknown) {
    it(`that nobody reads are refused: ${inspect(sources)}`, () => {
      const error = errorOf(sources);
      expect(error.code).toBe("UNKNOWN_OPTION");
      expect(error.message).toContain("acks, agent, brokers, host, password, port, tls");
    });
  }

  const illegal: Parameters<typeof readOptions>[2][] = [
    { object: { port: "9092" } },
    { object: { port: 0 } },
    { object: { port: 1.5 } },
    { object: { host: "" } },
    { object: { host: null } },
    { object: { brokers: [] } },
    { object: { brokers: ["a", ""] } },
    { object: { agent: 5 } },
    query("port=1e3"),
    query("port=99999"),
    query("port="),
    query("tls=yes"),
    query("acks=none"),
    query("brokers=a,,b"),
    query("host=a&host=b"),
    query("agent=x"),
    { env: { PORT: "many" } },
  ];
  for (const sources of illegal) {
    it(`that are not legal are refused with what they take: ${inspect(sources)}`, () => {
      const error = errorOf(sources);
      expect(error.code).toBe("INVALID_ARGUMENT");
      expect(error.message).toMatch(/^Option "\w+" of mine takes /);
    });
  }

  it("never show a secret", () => {
    const secret = { s3cr3t: true };
    expect(inspect(errorOf({ object: { password: secret } }), { depth: 5 })).not.toContain("s3cr3t");
    expect(inspect(errorOf(query("password=s3cr3t&password=s3cr3t")), { depth: 5 })).not.toContain("s3cr3t");
  });

  it("never show a text that may hold credentials, wherever it comes from", () => {
    const url = "u:s3cr3t@h";
    const given: Parameters<typeof readOptions>[2][] = [
      { object: { port: url } },
      { object: { acks: "s3cr3t" } },
      { env: { PORT: url } },
      query(`port=${url}`),
      query("tls=s3cr3t"),
      // What is left of a URL whose password has a question mark.
      query("s3cr3t@h"),
      query("pass.s3cr3t"),
      query("s3cr3t=rd@h"),
    ];
    for (const sources of given)
      expect(inspect(errorOf(sources), { depth: 5 }), inspect(sources)).not.toContain("s3cr3t");
  });

  it("show a number that is out of range, and the name of an option that does not exist", () => {
    expect(errorOf(query("port=99999")).message).toContain('"99999" is not');
    expect(errorOf({ object: { port: 0 } }).message).toContain("0 is not");
    expect(errorOf(query("hosts=a")).message).toContain('"hosts"');
  });
});
