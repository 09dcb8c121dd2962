import {
  type Clock,
  MessagingError,
  type OptionInput,
  type OptionValues,
  option,
  readOptions,
  systemClock,
} from "@waybill/core/spi";

const oneMiB = 1_048_576;
const manyBytes = { min: 1, max: Number.MAX_SAFE_INTEGER };

/** What the embedded broker can be told. The driver passes it on when it makes a broker of its own. */
export const brokerOptions = {
  leaseMs: option.integer(
    "How long a delivery may stay unsettled before another consumer gets it, in milliseconds.",
    30_000,
    { min: 1, max: 43_200_000 },
  ),
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

export type BrokerOptions = OptionInput<typeof brokerOptions>;
export type BrokerSettings = Omit<OptionValues<typeof brokerOptions>, "clock"> & { readonly clock: Clock };

/** @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT` */
export function readBrokerOptions(object: BrokerOptions, query?: URLSearchParams): BrokerSettings {
  const values = readOptions("memory", brokerOptions, query === undefined ? { object } : { object, query });
  return { ...values, clock: values.clock ?? systemClock };
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
