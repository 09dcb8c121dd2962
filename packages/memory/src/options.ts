import {
  MessagingError,
  type OptionInput,
  type OptionSources,
  option,
  readOptions,
  urlText,
} from "@waybill/core/spi";
import { MemoryBroker } from "./broker/broker.ts";
import { type BrokerOptions, givenOnes, optionalBrokerOptions } from "./broker/broker-options.ts";
import { namedBroker } from "./broker/named-brokers.ts";

export type { BrokerOptions } from "./broker/broker-options.ts";

/** What one driver can be told, next to what the broker can be. */
const driverOptions = {
  leaseMs: option.integer(
    "How long a delivery may stay unsettled before another consumer gets it, in milliseconds.",
    30_000,
    { min: 1, max: 43_200_000 },
  ),
};

const brokerOption = {
  broker: option.object<MemoryBroker>(
    "The broker to use. Several drivers, and so several clients, can share one.",
    "a `new MemoryBroker()`",
    (value) => (value instanceof MemoryBroker ? value : undefined),
  ),
};

/** What one driver can be told, whichever broker it leads to. */
export type DriverOptions = OptionInput<typeof driverOptions>;

/** Options of the memory adapter; see the README for what each means. */
export type MemoryOptions = DriverOptions &
  (
    | (BrokerOptions & { readonly broker?: never })
    /** The broker to use. Several drivers, and so several clients, can share one. */
    | { readonly broker: MemoryBroker }
  );

/** Which broker a driver leads to, and how long its consumers keep a message unsettled, in milliseconds. */
export interface Settings {
  readonly broker: MemoryBroker;
  readonly leaseMs: number;
}

/** @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT` */
export function readSettings(options: MemoryOptions): Settings {
  const { broker, leaseMs, ofBroker } = readGiven({ object: options });
  if (broker === undefined) return { broker: new MemoryBroker(ofBroker), leaseMs };
  const [misplaced] = Object.keys(ofBroker);
  if (misplaced === undefined) return { broker, leaseMs };
  throw new MessagingError("INVALID_ARGUMENT", `"${misplaced}" was given for a broker that exists already.`, {
    remedy: "Give it to `new MemoryBroker()`.",
  });
}

/**
 * `memory:` makes a broker; `memory:orders` and `memory://orders` lead to the one that is called `orders`.
 * @throws MessagingError `UNKNOWN_OPTION`, or `INVALID_ARGUMENT` for a URL with more in it than a name and options
 */
export function settingsFromUrl(text: string): Settings {
  const [, name, query] = /^memory:(?:\/\/)?([\w.-]*)\/?(?:\?(.*))?$/s.exec(urlText("memory", text)) ?? [];
  if (name === undefined) {
    throw new MessagingError("INVALID_ARGUMENT", "This is not a URL of the embedded broker.", {
      remedy: 'Use "memory:" for a broker of its own, or "memory:name" to share one by name in this process.',
    });
  }
  const { leaseMs, ofBroker } = readGiven({ query: new URLSearchParams(query ?? "") });
  return { broker: name === "" ? new MemoryBroker(ofBroker) : namedBroker(name, ofBroker), leaseMs };
}

function readGiven(sources: OptionSources): {
  readonly broker: MemoryBroker | undefined;
  readonly leaseMs: number;
  readonly ofBroker: BrokerOptions;
} {
  const table = { ...optionalBrokerOptions, ...brokerOption, ...driverOptions };
  const { broker, leaseMs, ...ofBroker } = readOptions("memory", table, sources);
  return { broker, leaseMs, ofBroker: givenOnes(ofBroker) };
}
