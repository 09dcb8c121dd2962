import { MessagingError } from "@waybill/core/spi";
import { describe, expect, it } from "vitest";
import { adapter, kafka } from "../src/index.ts";
import { readSettings, settingsFromUrl } from "../src/options.ts";

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return error instanceof MessagingError ? error.code : "not a MessagingError";
  }
  return "nothing";
};

describe("a kafka URL", () => {
  it("names brokers, credentials and options", () => {
    const settings = settingsFromUrl(
      "kafka://us%40er:p%3Aw@one:9093,two,[::1]:9094/?partitions=12&mechanism=scram-sha-512",
      {},
    );
    expect(settings.brokers).toEqual([
      { host: "one", port: 9093 },
      { host: "two", port: 9092 },
      { host: "::1", port: 9094 },
    ]);
    expect(settings.sasl).toEqual({ mechanism: "scram-sha-512", username: "us@er", password: "p:w" });
    expect(settings.partitions).toBe(12);
    expect(settings.ssl).toBeUndefined();
  });

  it("turns TLS on by its scheme or by an option", () => {
    expect(settingsFromUrl("kafkas://one", {}).ssl).toBe(true);
    expect(settingsFromUrl("kafka://one?ssl=true", {}).ssl).toBe(true);
  });

  it("leaves secrets to the environment", () => {
    const env = { KAFKA_USERNAME: "u", KAFKA_PASSWORD: "p", KAFKA_BROKERS: "a:1,b:2" };
    const settings = settingsFromUrl("kafka:", env);
    expect(settings.sasl).toMatchObject({ username: "u", password: "p", mechanism: "plain" });
    expect(settings.brokers.map(({ host }) => host)).toEqual(["a", "b"]);
  });

  it.each([
    ["kafka://one/path", "INVALID_ARGUMENT"],
    ["kafka://one:99999", "INVALID_ARGUMENT"],
    ["kafka://one:port", "INVALID_ARGUMENT"],
    ["kafka://u@one", "INVALID_ARGUMENT"],
    ["kafka://u:%zz@one", "INVALID_ARGUMENT"],
    ["kafka://u:p@one?username=v", "INVALID_ARGUMENT"],
    ["kafka://one?partitions=0", "INVALID_ARGUMENT"],
    ["kafka://one?partitons=3", "UNKNOWN_OPTION"],
    ["kafka://one?tls=x", "INVALID_ARGUMENT"],
    ["kafkas://one?ssl=false", "INVALID_ARGUMENT"],
  ])("%s is refused as %s", (url, code) => {
    expect(codeOf(() => adapter.fromUrl(url, {}))).toBe(code);
  });

  it("never shows a password", () => {
    for (const url of [
      "kafka://user:s3cret@one:x",
      "kafka://user:p?s3cret@one",
      "kafka://user:12?s3cret=@one",
      "kafka://one?mechanism=s3cret",
    ]) {
      let refusal: unknown;
      try {
        adapter.fromUrl(url, {});
      } catch (error) {
        refusal = error;
      }
      expect(JSON.stringify(refusal) + String(refusal)).not.toContain("s3cret");
      expect(refusal).toBeInstanceOf(Error);
    }
  });
});

describe("kafka()", () => {
  it("takes objects that a URL cannot carry", () => {
    const sasl = { mechanism: "oauthbearer", oauthBearerProvider: async () => ({ value: "" }) } as const;
    const settings = readSettings({ brokers: ["one"], tls: { servername: "x" }, sasl });
    expect(settings.ssl).toEqual({ servername: "x" });
    expect(settings.sasl).toBe(sasl);
  });

  it("refuses what makes no sense together", () => {
    expect(codeOf(() => kafka({ password: "p" }))).toBe("INVALID_ARGUMENT");
    expect(codeOf(() => kafka({ ssl: false, tls: {} }))).toBe("INVALID_ARGUMENT");
    expect(codeOf(() => kafka({ heartbeatIntervalMs: 5_000, sessionTimeoutMs: 6_000 }))).toBe(
      "INVALID_ARGUMENT",
    );
    expect(codeOf(() => kafka({ nope: 1 } as object))).toBe("UNKNOWN_OPTION");
  });

  it("derives its limits from the broker's", () => {
    expect(kafka({ maxMessageBytes: 10_000 }).capabilities.limits.messageBytes).toBe(10_000 - 2_048);
  });
});
