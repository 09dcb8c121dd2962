import type { Address, Filter, StartPosition } from "./address.ts";
import type { Call } from "./call.ts";

/** What should exist on the broker. `start` and `filter` (as in `Source`) matter for a `group` that is new. */
export interface TopologyItem {
  readonly address: Address;
  readonly start: StartPosition;
  readonly filter: Filter | undefined;
}

/** What does exist. */
export interface TopologyState {
  readonly address: Address;
  readonly exists: boolean;
  /** Sentences: what differs from what the address asks for. Empty when it agrees. */
  readonly differences: readonly string[];
  /** Messages waiting, where the broker tells. */
  readonly backlog?: number;
  /**
   * Messages that consumers hold unsettled and that `backlog` leaves out. `unknown`: there are consumers,
   * and the broker does not tell what they hold. Left away: none, or `backlog` has them.
   */
  readonly unsettled?: number | "unknown";
}

/** Topics, queues and groups as things to make, look at and take away. */
export interface Topology {
  /**
   * Makes what is missing, with all an address needs (retry paths too).
   * Idempotent, also against another process doing the same at once. What exists
   * and differs in a way that would break a guarantee is a `TOPOLOGY_MISMATCH`.
   */
  ensure(items: readonly TopologyItem[], call: Call): Promise<void>;
  /** Looks, changes nothing. One state per address, in order. */
  inspect(addresses: readonly Address[], call: Call): Promise<readonly TopologyState[]>;
  /** Takes away the addresses and all that was made for them. What is not there is no error. */
  remove(addresses: readonly Address[], call: Call): Promise<void>;
}
