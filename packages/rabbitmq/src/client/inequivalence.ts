import { hasReplyCode } from "../errors.ts";

/** One setting in which something that exists differs from its declaration. */
export interface Difference {
  readonly setting: string;
  /** `undefined`: the declaration does not have it. */
  readonly wanted: string | undefined;
  /** `undefined`: what exists does not have it. */
  readonly current: string | undefined;
}

/** How RabbitMQ words a refused declaration (`rabbit_misc:assert_args_equivalence`), one setting at a time. */
const words =
  /inequivalent arg '([^']+)' for (?:queue|exchange) '.*?' in vhost '.*?': received (?:(none)|(?:the value )?'(.*?)'(?: of type '\w+')?) but current is (?:(none)|(?:the value )?'(.*?)'(?: of type '\w+')?)(?:"|$)/;

export function differenceIn(cause: unknown): Difference | undefined {
  if (!hasReplyCode(cause, 406)) return undefined;
  const parts = words.exec((cause as Error).message);
  if (parts === null) return undefined;
  return { setting: parts[1] as string, wanted: parts[3], current: parts[5] };
}

export function sentenceFor({ setting, wanted, current }: Difference): string {
  const is = current === undefined ? "is not set" : `is ${current}`;
  return wanted === undefined
    ? `${setting} ${is} and should not be set.`
    : `${setting} ${is} and should be ${wanted}.`;
}

/**
 * Settings that may be another's choice without breaking a guarantee: bounds, and
 * where the broker sends dead-lettered messages.
 */
const tolerable = new Set([
  "x-delivery-limit",
  "x-consumer-timeout",
  "x-dead-letter-exchange",
  "x-dead-letter-routing-key",
  "x-dead-letter-strategy",
  "x-overflow",
  "x-stream-max-segment-size-bytes",
  "x-quorum-initial-group-size",
  "x-initial-cluster-size",
  "x-queue-leader-locator",
]);

export function isTolerable({ setting, wanted, current }: Difference, ofStream: boolean): boolean {
  if (tolerable.has(setting)) return true;
  // How long a stream keeps is for who made it to say; a queue would drop or refuse messages.
  if (setting === "x-max-age" || setting === "x-max-length-bytes") return ofStream;
  // Groups bind with "#", which on a topic exchange is everything.
  if (setting === "type") return current === "topic";
  // One member at a time is less than was asked for, and still right.
  return setting === "x-single-active-consumer" && wanted === undefined;
}

/** Sets the one argument to what exists, so that the next refusal tells of another one. */
export function adopt(
  wanted: Record<string, unknown>,
  { setting, current }: Difference,
): Record<string, unknown> {
  const adopted = { ...wanted };
  if (current === undefined) delete adopted[setting];
  else if (current === "true" || current === "false") adopted[setting] = current === "true";
  else adopted[setting] = /^-?\d+$/.test(current) ? Number(current) : current;
  return adopted;
}
