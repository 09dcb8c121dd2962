import type { Contract } from "../api/contract.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { shownText } from "../errors/shown.ts";
import { BoundedMap } from "../runtime/bounded-map.ts";
import type { Address } from "../spi/address.ts";
import type { Driver } from "../spi/driver.ts";
import { checkPortableName, derivedSeparator } from "../spi/naming.ts";

export interface NamesOptions {
  readonly prefix: string;
  readonly names: Readonly<Record<string, string>>;
}

/** The most that is remembered against collisions, in bytes and in names; the oldest are forgotten. */
const maxBytes = 1.25 * 1024 * 1024;
const mostNames = 10_000;
/** What an address takes beside its texts, in bytes. */
const addressBytes = 100;

/**
 * Turns contracts into addresses: portable names into those of the broker. Topics
 * and queues share one name space, on every broker alike, since on some they are
 * the same kind of thing.
 */
export class Names {
  readonly #driver: Driver;
  readonly #options: NamesOptions;
  /** By what the broker would take for the same name. */
  readonly #taken = new BoundedMap<Address>(maxBytes, mostNames);
  readonly #byContract = new WeakMap<Contract, Address>();

  constructor(driver: Driver, options: NamesOptions) {
    this.#driver = driver;
    this.#options = options;
  }

  /** Where to publish for this contract. */
  destination(contract: Contract): Address {
    const known = this.#byContract.get(contract);
    if (known !== undefined) return known;
    const address = this.#claim({
      kind: contract.kind,
      name: contract.name,
      group: undefined,
      brokerName: this.#brokerName(contract.name, contract.kind),
      brokerGroup: undefined,
      ordered: contract.ordered,
      retained: contract.retained,
    });
    this.#byContract.set(contract, address);
    return address;
  }

  /** Where a group consumes its topic, and where its retries return to. */
  group(contract: Contract, group: string): Address {
    checkPortableName(group, "group");
    const topic = this.destination(contract);
    const brokerGroup = this.#driver.naming.toBrokerName(group, "group");
    if (brokerGroup === undefined) throw this.#illegal(group, "group");
    return { ...topic, kind: "group", group, brokerGroup };
  }

  /** The reply path of one client. It takes no prefix: its name is unique in the world. */
  inbox(name: string): Address {
    const brokerName = this.#driver.naming.toBrokerName(name, "inbox");
    if (brokerName === undefined) throw this.#illegal(name, "inbox");
    return {
      kind: "inbox",
      name,
      group: undefined,
      brokerName,
      brokerGroup: undefined,
      ordered: false,
      retained: false,
    };
  }

  #brokerName(name: string, kind: "topic" | "queue"): string {
    const { names, prefix } = this.#options;
    if (Object.hasOwn(names, name)) return names[name] as string;
    const end = name.indexOf(derivedSeparator);
    const base = name.slice(0, Math.max(0, end));
    // What is derived from a name that the user has mapped follows it.
    if (Object.hasOwn(names, base)) return names[base] + name.slice(end);
    const brokerName = this.#driver.naming.toBrokerName(prefix + name, kind);
    if (brokerName === undefined) throw this.#illegal(prefix + name, kind);
    return brokerName;
  }

  #claim(address: Address): Address {
    const { naming } = this.#driver;
    const key = naming.collisionKey?.(address.brokerName) ?? address.brokerName;
    const first = this.#taken.get(key);
    if (first === undefined) {
      this.#taken.set(key, address, addressBytes + 2 * lengthBeside(key, address));
      return address;
    }
    if (first.name !== address.name || first.kind !== address.kind) {
      throw new MessagingError(
        "NAME_COLLISION",
        `The ${address.kind} "${address.name}" and the ${first.kind} "${first.name}" would be one on ${this.#driver.name} ("${address.brokerName}").`,
        { remedy: "Rename one of them, or map one with the `names` option." },
      );
    }
    if (first.ordered !== address.ordered || first.retained !== address.retained) {
      throw new MessagingError(
        "INVALID_ARGUMENT",
        `The ${address.kind} "${address.name}" is described twice, once with and once without ${first.ordered !== address.ordered ? "an ordering key" : "`retained`"}.`,
        { remedy: "Describe it once and share the contract." },
      );
    }
    return first;
  }

  #illegal(name: string, kind: string): MessagingError {
    return new MessagingError(
      "INVALID_NAME",
      `${this.#driver.name} cannot have a ${kind} named "${shownText(name)}".`,
      {
        remedy: `Its rule: ${this.#driver.naming.rule} Rename it, or map it with the \`names\` option.`,
        details: { name, kind },
      },
    );
  }
}

/** How long the texts of an address are that are not its key: those that are equal are mostly one. */
function lengthBeside(key: string, { name, brokerName }: Address): number {
  return (brokerName === key ? 0 : brokerName.length) + (name === brokerName ? 0 : name.length);
}
