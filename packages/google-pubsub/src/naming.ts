import { createHash } from "node:crypto";
import { type Address, derivedSeparator, type NamingRule } from "@waybill/core/spi";

/**
 * Ids are 3 to 255 of `[A-Za-z0-9-_.~+%]`, begin with a letter and not with `goog`
 * (https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names). A portable
 * name holds no `~`, so what is marked with one meets no other name.
 */
const longest = 255;
/** What core gets: short enough for a suffix that tells what else belongs to it. */
const longestName = 200;
const legalStart = /^(?!goog)[A-Za-z].{2}/i;

export const naming: NamingRule = {
  rule: "Any portable name will do: what Pub/Sub does not take is marked with `~`.",
  toBrokerName: (name, kind) =>
    fit(kind === "group" || legalStart.test(name) ? name : `w~${name}`, longestName),
};

/** The topic a message for this address is published to. */
export function topicId(address: Address): string {
  return address.kind === "group" ? returnsId(address) : address.brokerName;
}

/** The subscription from which a group or a queue is consumed. */
export function subscriptionId({ kind, brokerName, brokerGroup }: Address): string {
  return kind === "group" ? fit(`${brokerName}${derivedSeparator}${brokerGroup}`, longest) : brokerName;
}

/**
 * Topic and subscription, of the same id, for what only this group or queue is to
 * get: retries, redriven and delayed messages.
 */
export function returnsId(address: Address): string {
  return returnsOf(subscriptionId(address));
}

/** The same, by the id of the subscription. */
export function returnsOf(subscription: string): string {
  return fit(`${subscription}${derivedSeparator}returns`, longest);
}

/** Where what the service itself gives up goes: the queue that core dead-letters to by default. */
export function deadId({ kind, brokerName, brokerGroup }: Address): string {
  const parts = kind === "group" ? [brokerName, brokerGroup, "dead"] : [brokerName, "dead"];
  return fit(parts.join(derivedSeparator), longestName);
}

/** The subscription of one reader that belongs to no group. */
export function ephemeralId(topic: string, unique: string): string {
  return fit(`${topic}${derivedSeparator}live${derivedSeparator}${unique}`, longest);
}

/** Cuts what is too long, and tells the rest by its hash. */
function fit(id: string, most: number): string {
  if (id.length <= most) return id;
  const hash = createHash("sha256").update(id).digest("base64url");
  return `${id.slice(0, most - hash.length - 1)}~${hash}`;
}
