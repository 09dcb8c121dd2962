import type { Adapter, Driver } from "@waybill/core/spi";
import { capabilitiesOf } from "./capabilities.ts";
import { type DriverMemory, RedisConnection } from "./connection.ts";
import { classify } from "./errors.ts";
import { LostConsumers } from "./groups/lost-consumers.ts";
import { naming } from "./naming.ts";
import { type RedisOptions, readSettings, type Settings, settingsFromUrl } from "./options.ts";

export type { RedisOptions } from "./options.ts";

/** What a driver of Redis can do, as a type: a client made with it has these features. */
export type RedisCapabilities = ReturnType<typeof capabilitiesOf>;

/** A driver for Redis or Valkey, 6.2 or newer. Does no I/O. */
export function redis(options: RedisOptions = {}): Driver<RedisCapabilities> {
  return driverWith(readSettings(options));
}

/** Lets `connect("redis://…")` find this package; `connect(url, { adapters: [adapter] })` where a bundler must see it. */
export const adapter: Adapter = {
  name: "redis",
  schemes: ["redis", "rediss"],
  fromUrl: (url, env) => driverWith(settingsFromUrl(url, env)),
};

function driverWith(settings: Settings): Driver<RedisCapabilities> {
  const memory: DriverMemory = { lostConsumers: new LostConsumers(), warned: false };
  return {
    specVersion: "1",
    name: "redis",
    capabilities: capabilitiesOf(settings),
    naming,
    connect: (hooks, call) => RedisConnection.open(settings, memory, hooks, call),
    classify,
  };
}
