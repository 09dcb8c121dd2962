import { describe, expect, it } from "vitest";
import { settingsOf } from "../src/settings.ts";

const home = { HOME: "/home/ada" };

describe("settings", () => {
  it("keep everything in the cache folder unless told otherwise", () => {
    const settings = settingsOf({ environment: home });
    expect(settings.home).toBe("/home/ada/.cache/waybill/brokers");
    expect(settings.downloads).toBe("/home/ada/.cache/waybill/brokers/downloads");
    expect(settingsOf({ environment: { ...home, XDG_CACHE_HOME: "/cache" } }).home).toBe(
      "/cache/waybill/brokers",
    );
  });

  it("take folders from options before the environment", () => {
    const environment = {
      ...home,
      WAYBILL_BROKERS_HOME: "/env",
      WAYBILL_BROKERS_DOWNLOADS: "/env-downloads",
    };
    expect(settingsOf({ environment })).toMatchObject({ home: "/env", downloads: "/env-downloads" });
    const options = { environment, home: "/option", downloads: "/option-downloads" };
    expect(settingsOf(options)).toMatchObject({ home: "/option", downloads: "/option-downloads" });
  });

  it("take ports from options, then the environment, then the usual ones", () => {
    const environment = { ...home, WAYBILL_KAFKA_PORT: "19092", WAYBILL_REDIS_PORT: "16379" };
    const settings = settingsOf({ environment, ports: { redis: 26379 } });
    expect([settings.port("kafka"), settings.port("rabbitmq"), settings.port("redis")]).toEqual([
      19092, 5672, 26379,
    ]);
    expect([settings.askedPort("kafka"), settings.askedPort("rabbitmq")]).toEqual([19092, null]);
  });

  it("refuse what is no port, and say where it came from", () => {
    expect(() => settingsOf({ environment: { ...home, WAYBILL_KAFKA_PORT: "many" } })).toThrow(
      "WAYBILL_KAFKA_PORT=many is not a port for kafka",
    );
    expect(() => settingsOf({ environment: home, ports: { redis: 70_000 } })).toThrow(
      "70000 is not a port for redis",
    );
  });

  it("read the running brokers the environment names; an empty variable names none", () => {
    const environment = { ...home, WAYBILL_KAFKA_URL: "kafka://elsewhere:9092", WAYBILL_REDIS_URL: "" };
    const settings = settingsOf({ environment });
    expect(settings.urlFromEnvironment("kafka")).toBe("kafka://elsewhere:9092");
    expect(settings.urlFromEnvironment("redis")).toBeNull();
  });
});
