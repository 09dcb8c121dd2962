import type { Adapter, Driver } from "@waybill/core/spi";
import { capabilitiesOf } from "./capabilities.ts";
import { type DriverMemory, RabbitmqConnection } from "./connection.ts";
import { classify } from "./errors.ts";
import { UncountedDeliveries } from "./groups/uncounted-deliveries.ts";
import { naming } from "./naming.ts";
import { type RabbitmqOptions, readSettings, type Settings, settingsFromUrl } from "./options.ts";
import { GivenBack } from "./receiving/given-back.ts";

export type { RabbitmqOptions } from "./options.ts";

/** What a driver of RabbitMQ can do, as a type: a client made with it has these features. */
export type RabbitmqCapabilities = ReturnType<typeof capabilitiesOf>;

/** A driver for RabbitMQ 4. Does no I/O. */
export function rabbitmq(options: RabbitmqOptions = {}): Driver<RabbitmqCapabilities> {
  return driverWith(readSettings(options));
}

/** Lets `connect("amqp://…")` find this package; `connect(url, { adapters: [adapter] })` where a bundler must see it. */
export const adapter: Adapter = {
  name: "rabbitmq",
  schemes: ["amqp", "amqps"],
  fromUrl: (url, env) => driverWith(settingsFromUrl(url, env)),
};

function driverWith(settings: Settings): Driver<RabbitmqCapabilities> {
  const memory: DriverMemory = {
    uncounted: new UncountedDeliveries(),
    givenBack: new GivenBack(),
  };
  return {
    specVersion: "1",
    name: "rabbitmq",
    capabilities: capabilitiesOf(settings),
    naming,
    connect: (hooks, call) => RabbitmqConnection.open(settings, memory, hooks, call),
    classify,
  };
}
