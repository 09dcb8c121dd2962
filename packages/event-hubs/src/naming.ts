import { createHash } from "node:crypto";
import { type Address, derivedSeparator, type NamingRule } from "@waybill/core/spi";
import type { Settings } from "./options.ts";

/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsofteventhub */
const hubName = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,254}[A-Za-z0-9])?$/;
const longestGroup = 50;

/** The consumer group that every hub has. */
export const defaultGroup = "$Default";

export const naming: NamingRule = {
  rule: 'Event Hubs takes 1 to 256 of letters, digits, ".", "_" and "-", with a letter or digit at both ends, and tells no case apart.',
  toBrokerName: (name, kind) => (kind === "inbox" || hubName.test(name) ? name : undefined),
  collisionKey: (brokerName) => brokerName.toLowerCase(),
};

/** Where an address is: which messages of which hub, and who reads them. */
export interface HubAddress {
  readonly hub: string;
  readonly consumerGroup: string;
  /**
   * What messages carry that are for this address alone; `undefined` for those that carry nothing.
   * In lower case where the service tells no case apart: two spellings are one address, and neither
   * may pass over what is for the other.
   */
  readonly mark: string | undefined;
  /** Whether what carries no mark is for this address too. */
  readonly takesUnmarked: boolean;
}

type HubAddressSettings = Pick<Settings, "deadLetters" | "deadLetterHub" | "replyHub" | "readGroup">;

export function hubAddressOf(address: Address, settings: HubAddressSettings): HubAddress {
  const { kind, brokerName } = address;
  switch (kind) {
    case "topic":
      return { hub: brokerName, consumerGroup: settings.readGroup, mark: undefined, takesUnmarked: true };
    case "group": {
      const group = address.brokerGroup ?? "";
      return {
        hub: brokerName,
        consumerGroup: groupName(group),
        mark: group.toLowerCase(),
        takesUnmarked: true,
      };
    }
    case "queue":
      if (isShared(address, settings)) {
        const mark = brokerName.toLowerCase();
        const consumerGroup = hashed("dead", mark);
        return { hub: settings.deadLetterHub, consumerGroup, mark, takesUnmarked: false };
      }
      return { hub: brokerName, consumerGroup: defaultGroup, mark: undefined, takesUnmarked: true };
    case "inbox":
      return {
        hub: settings.replyHub,
        consumerGroup: settings.readGroup,
        mark: brokerName,
        takesUnmarked: false,
      };
  }
}

/** Whether this queue has no hub of its own: dead-letter queues share one, since a namespace has few. */
export function isShared(
  { kind, brokerName }: Address,
  { deadLetters }: Pick<Settings, "deadLetters">,
): boolean {
  return kind === "queue" && deadLetters === "shared" && brokerName.endsWith(`${derivedSeparator}dead`);
}

/** The consumer group of a group; what is longer than Event Hubs allows ends in a hash. */
export function groupName(group: string): string {
  return group.length <= longestGroup && hubName.test(group) ? group : hashed(group, group.toLowerCase());
}

/** Letters, digits and dots only, so that any name may go in. No portable name has two dots. */
function hashed(shown: string, name: string): string {
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 24);
  const start = shown.replace(/[^A-Za-z0-9.-]/g, "").slice(0, longestGroup - digest.length - 3);
  return `g${start.replace(/\.+$/, "")}${derivedSeparator}${digest}`;
}
