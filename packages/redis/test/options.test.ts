import { expect, it } from "vitest";
import { adapter, redis } from "../src/index.ts";
import { endpoints, readSettings, settingsFromUrl } from "../src/options.ts";

it("reads a URL with all its parts", () => {
  const settings = settingsFromUrl("rediss://user:p%40ss@[::1]:6380/2?leaseMs=5000", {});
  expect(settings).toMatchObject({
    host: "::1",
    port: 6380,
    db: 2,
    username: "user",
    password: "p@ss",
    tls: true,
  });
  expect(settings.leaseMs).toBe(5_000);
});

it("takes secrets from the environment, unless the URL has them", () => {
  const env = { REDIS_USERNAME: "worker", REDIS_PASSWORD: "secret" };
  expect(settingsFromUrl("redis://host", env)).toMatchObject({ username: "worker", password: "secret" });
  expect(settingsFromUrl("redis://a:b@host", env)).toMatchObject({ username: "a", password: "b" });
});

it.each([
  ["redis://host?nonsense=1", "UNKNOWN_OPTION"],
  ["redis://host?leaseMs=soon", "INVALID_ARGUMENT"],
  ["redis://host/notanumber", "INVALID_ARGUMENT"],
  ["redis://host:6379?port=6380", "INVALID_ARGUMENT"],
  ["redis://host?sentinels=a:1", "INVALID_ARGUMENT"],
  ["redis://host?nodes=a:1", "INVALID_ARGUMENT"],
  ["redis://host/1?cluster=true", "INVALID_ARGUMENT"],
  ["redis://host?cluster=true&confirm=fsync", "INVALID_ARGUMENT"],
  ["redis://host?cluster=true&nodes=a", "INVALID_ARGUMENT"],
  ["redis://:topsecret@host:port", "INVALID_ARGUMENT"],
  ["redis:/user:topsecret@host", "INVALID_ARGUMENT"],
  ["redis:user:topsecret@host", "INVALID_ARGUMENT"],
  ["redis://user:12/topsecret@host", "INVALID_ARGUMENT"],
  ["redis://user:12?topsecret@host", "UNKNOWN_OPTION"],
  ["redis://host?cluster=true&nodes=user:topsecret@host:1", "INVALID_ARGUMENT"],
])("refuses %s", (url, code) => {
  let refusal: unknown;
  try {
    adapter.fromUrl(url, {});
  } catch (cause) {
    refusal = cause;
  }
  expect(refusal).toMatchObject({ code });
  expect(String(refusal)).not.toContain("topsecret");
});

it("refuses unknown and wrong options in an object", () => {
  expect(() => redis({ lease: 1 } as never)).toThrow(/no option "lease"/);
  expect(() => readSettings({ leaseMs: 1 })).toThrow(/leaseMs/);
});

it("reads host:port, also for IPv6", () => {
  expect(endpoints(["a:1", "[::1]:65535"])).toEqual([
    { host: "a", port: 1 },
    { host: "::1", port: 65_535 },
  ]);
  for (const text of ["a", "a:", ":1", "a:0", "a:65536", "::1:1"]) expect(() => endpoints([text])).toThrow();
});

it("declares the lease that its options give", () => {
  expect(redis({ leaseMs: 2_000 }).capabilities.lease.ms).toBe(2_000);
});
