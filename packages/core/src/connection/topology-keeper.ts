import { MessagingError } from "../errors/messaging-error.ts";
import type { Address } from "../spi/address.ts";
import type { Topology, TopologyItem } from "../spi/topology.ts";
import type { ReconnectingConnection } from "./reconnecting-connection.ts";

/** Sees to it, once for each, that what a client uses is there, in the way its `topology` option says. */
export class TopologyKeeper {
  readonly #connection: ReconnectingConnection;
  readonly #mode: "create" | "verify" | "assume";
  readonly #signal: AbortSignal;

  constructor(link: ReconnectingConnection, mode: "create" | "verify" | "assume", signal: AbortSignal) {
    this.#connection = link;
    this.#mode = mode;
    this.#signal = signal;
  }

  async prepare(item: TopologyItem): Promise<void> {
    // A reply path is the client's own: no operator makes it beforehand.
    const mode = item.address.kind === "inbox" ? "create" : this.#mode;
    if (mode === "assume") return;
    const topology = await this.topology();
    if (mode === "create") return topology.ensure([item], { signal: this.#signal });
    const [state] = await topology.inspect([item.address], { signal: this.#signal });
    if (!state?.exists) {
      throw new MessagingError("NOT_FOUND", `${describe(item.address)} does not exist.`, {
        remedy: 'Make it, or connect with `topology: "create"`.',
        details: { brokerName: item.address.brokerName },
      });
    }
    if (state.differences.length > 0) {
      throw new MessagingError(
        "TOPOLOGY_MISMATCH",
        `${describe(item.address)} differs: ${state.differences.join("; ")}`,
        {
          remedy: "Change the one or the other until they agree.",
          details: { differences: state.differences },
        },
      );
    }
  }

  async topology(): Promise<Topology> {
    return (await this.#connection.connection(this.#signal)).topology;
  }
}

function describe(address: Address): string {
  return address.kind === "group"
    ? `The group "${address.group}" of "${address.name}"`
    : `The ${address.kind} "${address.name}"`;
}
