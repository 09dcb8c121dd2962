import type { Address, Filter, StartPosition, TopologyItem } from "@waybill/core/spi";

/** An address with the same names at the broker as in the application. */
export function addressOf(kind: Address["kind"], name: string, group?: string): Address {
  return { kind, name, group, brokerName: name, brokerGroup: group, ordered: false, retained: false };
}

/** The topic that a group reads. */
export function topicOf(group: Address): Address {
  return { ...group, kind: "topic", group: undefined, brokerGroup: undefined };
}

/** Another group of the same topic. */
export function besides(group: Address, name: string): Address {
  return { ...group, group: name, brokerGroup: name };
}

/** What makes an address exist. Unless given, reading begins at the end and leaves nothing out. */
export function item(
  address: Address,
  start: StartPosition = { from: "latest" },
  filter?: Filter,
): TopologyItem {
  return { address, start, filter };
}
