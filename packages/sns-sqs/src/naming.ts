import { createHash } from "node:crypto";
import type { Address, NamingRule } from "@waybill/core/spi";

/** SQS allows 80 characters, five of which are for `.fifo`. */
const longestQueue = 75;
/** SNS allows 256, likewise. */
const longestTopic = 251;
const fifo = ".fifo";
/** Between a topic and its group. An escaped name never has `_f` in it. */
const forGroup = "_for_";

/** How the queues begin that end with their client. An escaped name never has `_t` in it. */
export const temporaryPrefix = "waybill_temporary_";

/**
 * AWS takes letters, digits, `_` and `-`. So `_` is the escape: `.` becomes `_-` and
 * `_` becomes `__`; whatever else follows a `_` is this adapter's own.
 */
export const naming: NamingRule = {
  rule: "SQS and SNS take letters, digits, - and _: a dot becomes _-, an underscore __, and what is too long ends in a hash.",
  toBrokerName(name, kind) {
    const escaped = name.replace(/[._]/g, (sign) => (sign === "." ? "_-" : "__"));
    if (kind === "topic") return shortened(escaped, longestTopic);
    if (kind === "queue") return shortened(escaped, longestQueue);
    if (kind === "inbox") return temporaryPrefix + shortened(escaped, longestQueue - temporaryPrefix.length);
    return escaped;
  },
};

/** The SNS topic of a topic or group. */
export function topicName({ brokerName, ordered }: Address): string {
  return ordered ? legal(brokerName) + fifo : legal(brokerName);
}

/** The SQS queue behind a queue, group or inbox. */
export function queueName(address: Address): string {
  const name = address.kind === "group" ? groupQueue(address) : legal(address.brokerName);
  return address.ordered ? name + fifo : name;
}

/** The name that the same destination has when its contract says the opposite of order. */
export function otherKind(name: string): string {
  return name.endsWith(fifo) ? name.slice(0, -fifo.length) : name + fifo;
}

/** Whether a queue, by its name, is that of a group of this topic. */
export function isGroupQueue(queue: string, topic: Address): boolean {
  const name = legal(topic.brokerName);
  return [name, shortened(name, half)].some((begin) => queue.startsWith(begin + forGroup));
}

const half = (longestQueue - forGroup.length) / 2;

function groupQueue({ brokerName, brokerGroup }: Address): string {
  const topic = legal(brokerName);
  const group = legal(brokerGroup ?? "");
  const whole = topic + forGroup + group;
  return whole.length <= longestQueue ? whole : shortened(topic, half) + forGroup + shortened(group, half);
}

/** What a user's own map of names brings may have dots: what is derived from it, or the ending of an existing FIFO name. */
function legal(brokerName: string): string {
  const name = brokerName.endsWith(fifo) ? brokerName.slice(0, -fifo.length) : brokerName;
  return name.replaceAll(".", "_-");
}

/** Cut to this length, ending in `_h` and a hash of the whole. */
function shortened(name: string, longest: number): string {
  if (name.length <= longest) return name;
  const hash = BigInt(`0x${createHash("sha256").update(name).digest("hex")}`)
    .toString(36)
    .slice(0, 20);
  return `${name.slice(0, longest - 2 - hash.length)}_h${hash}`;
}
