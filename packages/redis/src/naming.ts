import { type Address, derivedSeparator, type NamingRule } from "@waybill/core/spi";

/** A Redis key may be anything, so a portable name is its own key. */
export const naming: NamingRule = {
  rule: "Any portable name is a legal Redis key.",
  toBrokerName: (name, kind) => (kind === "inbox" ? `inbox${derivedSeparator}${name}` : name),
};

/** A stream, and the sorted set in which what is delayed waits for its time. */
export interface StreamKeys {
  readonly stream: string;
  readonly waiting: string;
}

/** All keys behind a group of a topic, or behind a queue. */
export interface GroupKeys {
  /** What is published. */
  readonly main: StreamKeys;
  /** What comes back to this group alone: retries, hand-backs, redrives. Only this group reads it. */
  readonly returns: StreamKeys;
  readonly group: string;
  /** Held by the one active member of an ordered group. */
  readonly lock: string;
  /** Until when pending entries of an ordered group have to wait for their next attempt. */
  readonly backoffs: string;
  /** Nobody else needs an entry of `main` once this group has settled it. */
  readonly owned: boolean;
}

/** All keys behind a topic that are not a group's. */
export interface TopicKeys {
  readonly main: StreamKeys;
  /** Where readers without a group have got to, so that nothing is trimmed under them. */
  readonly readers: string;
  /** Milliseconds for which entries are kept however settled; absent unless the contract says `retained`. */
  readonly retention: string;
}

/** The one consumer group of a queue's stream. */
export const queueGroup = "workers";

/**
 * The beginning of every derived key. Its hash tag is the stream's own slot on
 * Redis Cluster, because scripts touch a stream and its derived keys together.
 */
function tag(stream: string): string {
  return stream.includes("{") ? stream : `{${stream}}`;
}

function withWaiting(stream: string, base: string): StreamKeys {
  return { stream, waiting: `${base}..waiting` };
}

export function topicKeys(stream: string): TopicKeys {
  const base = tag(stream);
  return { main: withWaiting(stream, base), readers: `${base}..readers`, retention: `${base}..retention` };
}

/** For an address of kind `group` or `queue`. */
export function groupKeys(address: Address): GroupKeys {
  const base = tag(address.brokerName);
  const owned = address.kind === "queue";
  const group = owned ? queueGroup : (address.brokerGroup ?? "");
  const own = owned ? base : `${base}..${group}`;
  const returns = `${own}..retry`;
  return {
    main: withWaiting(address.brokerName, base),
    returns: withWaiting(returns, returns),
    group,
    lock: `${own}..active`,
    backoffs: `${own}..backoffs`,
    owned,
  };
}

/** Where a message to this address is written. */
export function targetKeys(address: Address): StreamKeys {
  if (address.kind === "group") return groupKeys(address).returns;
  return topicKeys(address.brokerName).main;
}
