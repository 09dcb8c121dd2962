import type { ConsumeOptions } from "../api/consume-options.ts";
import type { Delivery } from "../api/delivery.ts";
import type { DeadLetterInfo, RedriveOptions, RedriveReport } from "../api/redrive.ts";
import type { Subscription } from "../api/subscription.ts";
import { attemptHeader, firstFailedHeader } from "../consuming/attempt-headers.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { deadLetterDetails } from "../policies/dead-letter.ts";
import type { DestinationSender } from "../publishing/destination-sender.ts";
import { nextPublishToken, randomName } from "../publishing/ids.ts";
import { wireSize } from "../publishing/wire-size.ts";
import type { Clock } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import type { Address } from "../spi/address.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { Headers, WireMessage } from "../spi/message.ts";

export interface RedriveContext {
  /** Where the messages failed. */
  readonly from: Pick<Address, "name" | "group">;
  readonly clock: Clock;
  /** To where the messages failed. */
  readonly back: DestinationSender;
  /** To the dead letters, for those that stay. */
  readonly letters: DestinationSender;
  backlog(): Promise<{ readonly backlog: number | undefined } | undefined>;
  consume(
    options: ConsumeOptions,
    handler: (value: Uint8Array, delivery: Delivery) => Promise<void>,
  ): Promise<Subscription>;
}

/** How long nothing may come before the queue counts as seen to its end, in milliseconds. */
const quietMs = 1_500;
/** The same while nothing has come yet: a consumer that has just begun may have to wait for its share. */
const beginMs = 5_000;
/** The same while the broker has told of more than came. */
const patientMs = 10_000;
/** How long to rest before what came round is put back once more, when nothing new has come since it last came. */
const roundMs = 100;
/** How far the clocks of those who fail may be ahead of this one, in milliseconds. */
const clockToleranceMs = 5_000;

/**
 * Takes each dead letter in turn: publishes it to where it failed, or puts it back
 * at the end, and acks it only then. A crash in between leaves one copy too many,
 * never one too few.
 */
export async function redrive(options: RedriveOptions, context: RedriveContext): Promise<RedriveReport> {
  checkOptionNames("redrive", options, ["max", "filter", "dryRun", "signal"]);
  const { max = Number.POSITIVE_INFINITY, filter = () => true, dryRun = false, signal } = options;
  if (!(max >= 1))
    throw new MessagingError("INVALID_ARGUMENT", `\`max\` takes a number of at least 1, not ${String(max)}.`);
  const run = randomName();
  const startedAt = context.clock.now();
  // A backlog of none is looked into all the same: some brokers count late, and RabbitMQ says
  // 0 for a quorum queue whose leader is too busy to answer (rabbit_quorum_queue:stat/2).
  const known = (await context.backlog())?.backlog || undefined;
  let seen = 0;
  let redriven = 0;
  /** How many were put back, and how many of these have come again since the last one that had not been seen. */
  let kept = 0;
  let met = 0;

  const end = Promise.withResolvers<void>();
  let quiet: unknown;
  let isQuiet = false;
  let isWorking = false;
  let ended = false;
  const waitForMore = () => {
    const patience = seen === 0 ? beginMs : quietMs;
    const waitMs = known !== undefined && seen < known ? patientMs : patience;
    const onQuiet = () => {
      isQuiet = true;
      if (!isWorking) end.resolve();
    };
    if (!ended) quiet = context.clock.setTimeout(onQuiet, waitMs);
  };

  const putBack = (delivery: Delivery) => {
    const key = keyOf(delivery);
    const headers: Record<string, string> = { ...delivery.headers, [deadLetterHeaders.redriveRun]: run };
    if (key !== undefined) headers[deadLetterHeaders.key] = key;
    return publish(context.letters, delivery, headers);
  };

  const bring = async (delivery: Delivery, letter: DeadLetterInfo): Promise<void> => {
    const chosen = !dryRun && filter(letter);
    if (chosen) await publish(context.back, delivery, revived(delivery));
    else await putBack(delivery);
    await delivery.ack();
    seen++;
    met = 0;
    if (chosen) redriven++;
    else kept++;
  };

  const meet = async (delivery: Delivery): Promise<void> => {
    await putBack(delivery);
    await delivery.ack();
    met++;
  };

  const handle = async (delivery: Delivery): Promise<void> => {
    if (ended || redriven >= max) return end.resolve();
    const letter = deadLetterDetails(delivery) ?? givenUpByBroker(delivery, context.from);
    // Put back by this very run, or brought back by it and failed once more: or it would never end.
    const isAgain =
      delivery.headers[deadLetterHeaders.redriveRun] === run ||
      letter.lastFailedAt > startedAt + clockToleranceMs;
    // Where letters have no one order, or come by several ways of which one is not open yet, others may stand behind
    // what has come round. Once all of it has, nothing but time tells that there are none, so there is no hurry.
    const isNews = !isAgain || met < kept;
    if (isNews) context.clock.clearTimeout(quiet);
    else await sleep(context.clock, roundMs, delivery.signal);
    if (ended) return;
    isWorking = true;
    try {
      await (isAgain ? meet(delivery) : bring(delivery, letter));
    } catch (cause) {
      return end.reject(cause);
    }
    isWorking = false;
    if (isQuiet || redriven >= max || (known !== undefined && seen >= known)) end.resolve();
    else if (isNews) waitForMore();
  };

  const subscription = await context.consume(
    { concurrency: 1, prefetch: 100, retry: { maxAttempts: Number.POSITIVE_INFINITY } },
    // A letter that is not to be touched stays unsettled, and goes back when this ends.
    async (_body, delivery) => {
      await handle(delivery);
      if (delivery.settlement === undefined) await untilAborted(delivery);
    },
  );
  waitForMore();
  const onAbort = () => end.resolve();
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) end.resolve();
  try {
    const failure = await Promise.race([end.promise, subscription.ended]);
    if (failure !== undefined) throw failure;
  } finally {
    ended = true;
    context.clock.clearTimeout(quiet);
    signal?.removeEventListener("abort", onAbort);
    await subscription.close({ timeoutMs: 0 });
  }
  return { seen, redriven };
}

/** The broker's own limit brought it here, past us: nobody wrote on it why. */
function givenUpByBroker(delivery: Delivery, from: RedriveContext["from"]): DeadLetterInfo {
  return {
    id: delivery.id,
    source: from.name,
    group: from.group,
    attempts: 0,
    firstFailedAt: delivery.timestamp,
    lastFailedAt: delivery.timestamp,
    errorCode: "BROKER_ERROR",
    errorMessage: "The broker gave up delivering it.",
    headers: delivery.headers,
  };
}

/** As core has noted it; what the broker itself brought here has it where it always was. */
function keyOf({ headers, key }: Delivery): string | undefined {
  return headers[deadLetterHeaders.key] ?? key;
}

function untilAborted(delivery: Delivery): Promise<void> {
  return new Promise((resolve) => delivery.signal.addEventListener("abort", () => resolve(), { once: true }));
}

function publish(sender: DestinationSender, delivery: Delivery, headers: Headers): Promise<unknown> {
  const message: WireMessage = {
    id: delivery.id,
    publishToken: nextPublishToken(),
    body: delivery.body,
    contentType: delivery.contentType,
    key: sender.address.ordered ? keyOf(delivery) : undefined,
    timestamp: delivery.timestamp,
    headers,
    delayMs: 0,
    expiresAt: undefined,
    replyTo: undefined,
    correlationId: delivery.correlationId,
  };
  return sender.add(message, wireSize(message));
}

/** What core has written on a message that failed. */
const ours = new Set<string>([...Object.values(deadLetterHeaders), attemptHeader, firstFailedHeader]);

/** The headers as they were before it failed: its attempts begin anew. */
function revived(delivery: Delivery): Headers {
  return Object.fromEntries(Object.entries(delivery.headers).filter(([name]) => !ours.has(name)));
}
