import type { Address, Topology, TopologyItem, TopologyState } from "@waybill/core/spi";

/** Topics, queues and groups: making is idempotent, also against another process that does the same. */
export class GooglePubsubTopology implements Topology {
  async ensure(_items: readonly TopologyItem[]): Promise<void> {}

  async inspect(addresses: readonly Address[]): Promise<readonly TopologyState[]> {
    return addresses.map((address) => ({ address, exists: false, differences: [] }));
  }

  async remove(_addresses: readonly Address[]): Promise<void> {}
}
