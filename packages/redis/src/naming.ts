import { derivedSeparator, type NamingRule } from "@waybill/core/spi";

/** A Redis key may be anything, so a portable name is its own key. */
export const naming: NamingRule = {
  rule: "Any portable name is a legal Redis key.",
  toBrokerName: (name, kind) => (kind === "inbox" ? `inbox${derivedSeparator}${name}` : name),
};
