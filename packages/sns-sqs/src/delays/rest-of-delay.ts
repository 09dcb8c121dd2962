import { longestDelayMs } from "../capabilities.ts";
import type { Decoded, NativeMessage } from "../mapping.ts";

/**
 * How long a message that was just received has still to wait, in milliseconds; 0: it is due. Its
 * age is the time from when SQS stored it to when SQS handed it out, both by SQS's own clock: nobody
 * else's counts. Only of what was handed out before SQS does not say when that was this time.
 * `serviceTime`: what SQS's clock shows, milliseconds since the epoch; `undefined`: SQS does not say.
 */
export function restOfDelay(
  { waitMs }: Pick<Decoded, "waitMs">,
  { Attributes: attributes = {} }: NativeMessage,
  serviceTime: number | undefined,
): number {
  // A wait far beyond the longest delay is nobody's but a forger's.
  if (waitMs === undefined || waitMs > 2 * longestDelayMs) return 0;
  const sentAt = Number(attributes.SentTimestamp);
  const firstAt = Number(attributes.ApproximateFirstReceiveTimestamp);
  const isFirst = Number(attributes.ApproximateReceiveCount) === 1;
  const receivedAt = isFirst && !Number.isNaN(firstAt) ? firstAt : (serviceTime ?? Date.now());
  const ages = [0, receivedAt - sentAt, firstAt - sentAt].filter((age) => !Number.isNaN(age));
  return Math.max(0, waitMs - Math.max(...ages));
}
