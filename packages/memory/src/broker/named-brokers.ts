import { MessagingError } from "@waybill/core/spi";
import { MemoryBroker } from "./broker.ts";
import { type BrokerOptions, givenBrokerOptions } from "./broker-options.ts";

const brokers = new Map<string, MemoryBroker>();

/**
 * The broker that `memory:<name>` leads to: made on first use, shared by all in
 * this process who know its name, and kept until the process ends.
 * @throws MessagingError `INVALID_ARGUMENT` when it exists with other options than these
 */
export function namedBroker(name: string, options: BrokerOptions = {}): MemoryBroker {
  if (typeof name !== "string")
    throw new MessagingError(
      "INVALID_ARGUMENT",
      `The name of an embedded broker is a string, not of the type ${typeof name}.`,
      {
        remedy: "Pass a string.",
      },
    );
  const broker = brokers.get(name);
  if (broker === undefined) {
    const made = new MemoryBroker(options);
    brokers.set(name, made);
    return made;
  }
  for (const [option, value] of Object.entries(givenBrokerOptions(options))) {
    if (value === broker.settings[option as keyof BrokerOptions]) continue;
    throw new MessagingError(
      "INVALID_ARGUMENT",
      `The embedded broker "${name}" exists with another ${option}.`,
      {
        remedy: "Give its options where it is first used, or use another name.",
      },
    );
  }
  return broker;
}
