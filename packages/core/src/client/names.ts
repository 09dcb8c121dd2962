import type { Contract } from "../contract/contract.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { Address } from "../spi/address.ts";
import type { Driver } from "../spi/driver.ts";
import { checkPortableName, derivedSeparator } from "../spi/naming.ts";

export interface NamesOptions {
  readonly prefix: string;
  readonly names: Readonly<Record<string, string>>;
}

/**
 * Turns contracts into addresses: portable names into those of the broker. Topics
 * and queues share one name space, on every broker alike, since on some they are
 * the same kind of thing.
 */
export class Names {
  readonly #driver: Driver;
  readonly #options: NamesOptions;
  /** By what the broker would take for the same name. */
  readonly #taken = new Map<string, Address>();
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
      physical: this.#physical(contract.name, contract.kind),
      physicalGroup: undefined,
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
    const physicalGroup = this.#driver.naming.toPhysical(group, "group");
    if (physicalGroup === undefined) throw this.#illegal(group, "group");
    return { ...topic, kind: "group", group, physicalGroup };
  }

  /** The reply path of one client. It takes no prefix: its name is unique in the world. */
  inbox(name: string): Address {
    const physical = this.#driver.naming.toPhysical(name, "inbox");
    if (physical === undefined) throw this.#illegal(name, "inbox");
    return {
      kind: "inbox",
      name,
      group: undefined,
      physical,
      physicalGroup: undefined,
      ordered: false,
      retained: false,
    };
  }

  #physical(name: string, kind: "topic" | "queue"): string {
    const { names, prefix } = this.#options;
    if (Object.hasOwn(names, name)) return names[name] as string;
    const end = name.indexOf(derivedSeparator);
    const base = name.slice(0, Math.max(0, end));
    // What is derived from a name that the user has mapped follows it.
    if (Object.hasOwn(names, base)) return names[base] + name.slice(end);
    const physical = this.#driver.naming.toPhysical(prefix + name, kind);
    if (physical === undefined) throw this.#illegal(prefix + name, kind);
    return physical;
  }

  #claim(address: Address): Address {
    const { naming } = this.#driver;
    const key = naming.collisionKey?.(address.physical) ?? address.physical;
    const first = this.#taken.get(key);
    if (first === undefined) {
      this.#taken.set(key, address);
      return address;
    }
    if (first.name !== address.name || first.kind !== address.kind) {
      throw new MessagingError(
        "NAME_COLLISION",
        `The ${address.kind} "${address.name}" and the ${first.kind} "${first.name}" would be one on ${this.#driver.name} ("${address.physical}").`,
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
    return new MessagingError("INVALID_NAME", `${this.#driver.name} cannot have a ${kind} named "${name}".`, {
      remedy: `Its rule: ${this.#driver.naming.rule} Rename it, or map it with the \`names\` option.`,
      details: { name, kind },
    });
  }
}
