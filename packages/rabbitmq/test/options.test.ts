import { describe, expect, it } from "vitest";
import { nodesOf, readSettings, settingsFromUrl } from "../src/options.ts";

describe("options from a URL", () => {
  it("takes several nodes, a login, a virtual host and options", () => {
    const settings = settingsFromUrl(
      "amqps://al%40ice:p%2Fw@a,b:5999,[::1]:5998/my%2Fhost?heartbeatSeconds=30",
      {},
    );
    expect(settings).toMatchObject({
      username: "al@ice",
      password: "p/w",
      vhost: "my/host",
      tls: true,
      heartbeatSeconds: 30,
    });
    expect(nodesOf(settings)).toEqual([
      { host: "a", port: 5_671 },
      { host: "b", port: 5_999 },
      { host: "::1", port: 5_998 },
    ]);
  });

  it("has defaults for all that is left out", () => {
    expect(settingsFromUrl("amqp://", {})).toEqual(readSettings({}));
    expect(settingsFromUrl("amqp://localhost/", {})).toMatchObject({ vhost: "/", username: "guest" });
    expect(nodesOf(readSettings({}))).toEqual([{ host: "127.0.0.1", port: 5_672 }]);
  });

  it("takes secrets from the environment, which the URL overrides", () => {
    const env = { RABBITMQ_USERNAME: "eve", RABBITMQ_PASSWORD: "secret" };
    expect(settingsFromUrl("amqp://h", env)).toMatchObject({ username: "eve", password: "secret" });
    expect(settingsFromUrl("amqp://bob@h", env)).toMatchObject({ username: "bob", password: "secret" });
  });

  it("refuses what nobody reads, what is given twice and what is no URL, without the password in it", () => {
    expect(() => settingsFromUrl("amqp://h?colour=red", {})).toThrow(/no option "colour"/);
    expect(() => settingsFromUrl("amqp://h/a?vhost=b", {})).toThrow(/"vhost" twice/);
    for (const url of [
      "amqp://u:hunter2@h:5672:1",
      "amqp://u:hunter2@h/%zz",
      "amqp://u:hunter2@h@i",
      "http://u:hunter2@h",
      "amqp://h?heartbeatSeconds=u:hunter2@h",
    ]) {
      let error: Error | undefined;
      try {
        settingsFromUrl(url, {});
      } catch (cause) {
        error = cause as Error;
      }
      expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
      expect(error?.message).not.toContain("hunter2");
    }
  });

  it("refuses options of TLS without TLS", () => {
    expect(() => readSettings({ caFile: "ca.pem" })).toThrow(/"caFile"/);
    expect(() => readSettings({ mechanism: "external" })).toThrow(/"mechanism"/);
    expect(readSettings({ tls: { ca: "…" }, mechanism: "external" })).toMatchObject({
      mechanism: "external",
    });
  });
});
