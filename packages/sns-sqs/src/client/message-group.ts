import { createHash } from "node:crypto";
import type { WireMessage } from "@waybill/core/spi";

/** What a MessageGroupId may be: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
const legal = /^[!-~]{1,128}$/;
/** How the groups begin that this adapter makes up. */
const hashed = "waybill-key-";
const alone = "waybill-unkeyed-";

/** Whether a key cannot be a message group as it is, and so travels in the metadata. */
export function keyTooHard(key: string): boolean {
  return !legal.test(key) || key.startsWith(hashed) || key.startsWith(alone);
}

/** The message group of a key. A message without a key has a group to itself: it waits for none. */
export function messageGroup({ key, id }: Pick<WireMessage, "key" | "id">): string {
  if (key === undefined) return alone + digest(id);
  return keyTooHard(key) ? hashed + digest(key) : key;
}

/** The key of a message group that is not in the metadata: `undefined` for a message without one. */
export function keyOf(group: string | undefined): string | undefined {
  return group === undefined || group.startsWith(alone) ? undefined : group;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
