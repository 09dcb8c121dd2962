import { createHash } from "node:crypto";
import { type Address, derivedSeparator, type NamingRule } from "@waybill/core/spi";

/** The longest topic name Kafka takes (org.apache.kafka.common.internals.Topic). */
const longest = 249;
const legal = /^[a-zA-Z0-9._-]+$/;

export const naming: NamingRule = {
  rule: 'Kafka takes 1 to 249 of letters, digits, ".", "_" and "-"; "a.b" and "a_b" exclude each other.',
  toBrokerName(name, kind) {
    if (kind === "group") return name;
    const brokerName = kind === "inbox" ? inboxPrefix + name : name;
    if (brokerName.length > longest || !legal.test(brokerName) || brokerName === "." || brokerName === "..")
      return undefined;
    return brokerName;
  },
  // Metric names replace the dot, so the broker refuses a topic that differs in that only.
  collisionKey: (brokerName) => brokerName.replaceAll(".", "_"),
};

export const inboxPrefix = `waybill${derivedSeparator}inbox${derivedSeparator}`;

/** The partition of an inbox that replies come to. */
export const replyPartition = 0;

/** The topic that a publish to this address goes to. */
export function publishTopic(to: Address): string {
  return to.kind === "group" ? retryTopic(to) : to.brokerName;
}

/** Where the retries of one group of a topic come back: its members read it beside the topic. */
export function retryTopic(group: Address): string {
  return derived(group.brokerName, group.brokerGroup ?? "", "retry");
}

/** Where messages wait that are due later: one for a topic with all its groups, one for each queue. */
export function delayTopic(address: Address): string {
  return derived(address.brokerName, "delayed");
}

/** A consumer group's id must differ by topic: all members of one id must read the same topics. */
export function groupId(address: Address): string {
  if (address.kind === "group") return `${address.brokerGroup}${derivedSeparator}${address.brokerName}`;
  // No portable name has a colon, so no group and topic of the application's come to the same.
  return `${address.brokerName}:queue`;
}

/** The group of those who forward delayed messages when they are due. */
export function delayGroupId(address: Address): string {
  return `${address.brokerName}:delayed`;
}

function derived(...parts: readonly string[]): string {
  const name = parts.join(derivedSeparator);
  if (name.length <= longest) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 32);
  return `${name.slice(0, longest - digest.length - derivedSeparator.length)}${derivedSeparator}${digest}`;
}
