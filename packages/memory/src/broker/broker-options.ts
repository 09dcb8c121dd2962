import {
  type Clock,
  type OptionInput,
  type OptionValues,
  option,
  readOptions,
  systemClock,
} from "@waybill/core/spi";
import { steadyClock } from "./steady-clock.ts";

const oneMiB = 1_048_576;
const manyBytes = { min: 1, max: Number.MAX_SAFE_INTEGER };

/** What the broker itself can be told. */
export const brokerOptions = {
  messageBytes: option.integer(
    "The largest message, in bytes: body, key, header names and values.",
    oneMiB,
    manyBytes,
  ),
  maxMessages: option.integer(
    "The most messages that a queue, group or subscription holds. A publish over it fails as OVERLOADED.",
    1_000_000,
    { min: 1, max: Number.MAX_SAFE_INTEGER },
  ),
  maxBytes: option.integer(
    "The most bytes that a queue, group or subscription holds. A publish over it fails as OVERLOADED.",
    256 * oneMiB,
    manyBytes,
  ),
  retainedMessages: option.integer(
    "The most messages that a retained topic keeps for replay. Beyond it, the oldest go.",
    100_000,
    { min: 1, max: Number.MAX_SAFE_INTEGER },
  ),
  retainedBytes: option.integer(
    "The most bytes that a retained topic keeps for replay. Beyond it, the oldest go.",
    64 * oneMiB,
    manyBytes,
  ),
  clock: option.object<Clock>(
    "The broker's time, for tests that move it on themselves.",
    "a Clock, such as virtualClock()",
    (value) => (isClock(value) ? value : undefined),
  ),
};

/** What `new MemoryBroker()` takes. */
export type BrokerOptions = OptionInput<typeof brokerOptions>;
export type BrokerSettings = Omit<OptionValues<typeof brokerOptions>, "clock"> & { readonly clock: Clock };

/** The same without fallbacks, where it counts what was given: the broker may exist already. */
export const optionalBrokerOptions: typeof brokerOptions = Object.fromEntries(
  Object.entries(brokerOptions).map(([name, each]) => [name, { ...each, fallback: undefined }]),
) as unknown as typeof brokerOptions;

/** Those of a broker's options that were given, checked. @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT` */
export function givenBrokerOptions(options: BrokerOptions): BrokerOptions {
  return givenOnes(readOptions("memory", optionalBrokerOptions, { object: options }));
}

export function givenOnes(options: Partial<OptionValues<typeof brokerOptions>>): BrokerOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT` */
export function brokerSettings(options: BrokerOptions): BrokerSettings {
  const settings = readOptions("memory", brokerOptions, { object: options });
  return { ...settings, clock: steadyClock(settings.clock ?? systemClock) };
}

function isClock(value: unknown): value is Clock {
  const clock = value as Partial<Clock> | null;
  return (
    typeof clock?.now === "function" &&
    typeof clock.setTimeout === "function" &&
    typeof clock.clearTimeout === "function"
  );
}
