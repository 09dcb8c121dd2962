import { createHash } from "node:crypto";
import type { Address, WireMessage } from "@waybill/core/spi";

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
export function messageGroup({ key, id }: WireMessage): string {
  if (key === undefined) return alone + digest(id);
  return keyTooHard(key) ? hashed + digest(key) : key;
}

/** The key of a message group that is not in the metadata: `undefined` for a message without one. */
export function keyOf(group: string | undefined): string | undefined {
  return group === undefined || group.startsWith(alone) ? undefined : group;
}

/**
 * By this SQS and SNS know a message again for five minutes. A topic knows it by its
 * id. A queue or group must not: a redriven message has the same id, and would be
 * taken for a repeat and dropped; there it is by the very object, which core keeps
 * for as long as it sends it again.
 */
export function deduplicationId(to: Address, message: WireMessage): string {
  if (to.kind === "topic") return legal.test(message.id) ? message.id : digest(message.id);
  let id = sent.get(message);
  if (id === undefined) {
    id = `${run}-${(counter++).toString(36)}`;
    sent.set(message, id);
  }
  return id;
}

const run = crypto.randomUUID();
let counter = 0;
const sent = new WeakMap<WireMessage, string>();

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
