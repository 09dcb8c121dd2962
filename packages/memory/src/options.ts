import {
  type Clock,
  MessagingError,
  type OptionInput,
  type OptionSources,
  type OptionValues,
  option,
  readOptions,
  systemClock,
} from "@waybill/core/spi";

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

/** What one driver can be told, next to what the broker can be. */
export const driverOptions = {
  leaseMs: option.integer(
    "How long a delivery may stay unsettled before another consumer gets it, in milliseconds.",
    30_000,
    { min: 1, max: 43_200_000 },
  ),
};

export type BrokerOptions = OptionInput<typeof brokerOptions>;
export type BrokerSettings = Omit<OptionValues<typeof brokerOptions>, "clock"> & { readonly clock: Clock };
export type DriverOptions = OptionInput<typeof driverOptions>;
export type DriverSettings = OptionValues<typeof driverOptions>;

/** @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT` */
export function brokerSettings(options: BrokerOptions): BrokerSettings {
  const settings = readOptions("memory", brokerOptions, { object: options });
  return { ...settings, clock: settings.clock ?? systemClock };
}

/**
 * Reads what may be for the broker and for the driver. Of the broker's options only
 * those that were given, since the broker may exist already.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function readBoth(sources: OptionSources): {
  readonly broker: BrokerOptions;
  readonly driver: DriverSettings;
} {
  const { leaseMs, ...all } = readOptions("memory", { ...brokerOptions, ...driverOptions }, sources);
  const { object, query } = sources;
  const given = Object.entries(all).filter(([name]) => object?.[name] !== undefined || query?.has(name));
  return { broker: Object.fromEntries(given), driver: { leaseMs } };
}

/**
 * `memory:` has no name; `memory:orders` and `memory://orders` are both called `orders`.
 * @throws MessagingError `INVALID_ARGUMENT` for a URL with more in it than a name and options
 */
export function readUrl(text: string): {
  readonly name: string | undefined;
  readonly query: URLSearchParams;
} {
  const [, name, query] = /^memory:(?:\/\/)?([\w.-]*)\/?(?:\?(.*))?$/s.exec(text) ?? [];
  if (name === undefined) {
    throw new MessagingError("INVALID_ARGUMENT", "This is not a URL of the embedded broker.", {
      remedy: 'Use "memory:" for a broker of its own, or "memory:name" to share one by name in this process.',
    });
  }
  return { name: name === "" ? undefined : name, query: new URLSearchParams(query ?? "") };
}

function isClock(value: unknown): value is Clock {
  const clock = value as Partial<Clock> | null;
  return (
    typeof clock?.now === "function" &&
    typeof clock.setTimeout === "function" &&
    typeof clock.clearTimeout === "function"
  );
}
