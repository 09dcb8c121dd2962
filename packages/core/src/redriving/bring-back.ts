import type { ConsumeOptions } from "../api/consume-options.ts";
import type { Delivery } from "../api/delivery.ts";
import type { DeadLetterInfo, RedriveReport } from "../api/redrive.ts";
import type { Subscription } from "../api/subscription.ts";
import type { Attempt } from "../consuming/attempt.ts";
import { attemptHeader, expiresHeader, firstFailedHeader } from "../consuming/attempt-headers.ts";
import { runName, runsOf, withRun } from "../consuming/run-marks.ts";
import { deadLetterDetails } from "../policies/dead-letter.ts";
import type { DestinationSender } from "../publishing/destination-sender.ts";
import { nextPublishToken, randomName } from "../publishing/ids.ts";
import type { Clock } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import type { Address } from "../spi/address.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { Headers, WireMessage } from "../spi/message.ts";
import { wireSize } from "../spi/wire-size.ts";
import { chosenBy } from "./chosen-by.ts";
import { failedElsewhere } from "./failed-elsewhere.ts";
import { quietTimeFor } from "./quiet-time.ts";

/** What one run is to do, with everything decided. */
export interface RedriveRun {
  readonly max: number;
  readonly filter: (deadLettered: DeadLetterInfo) => boolean;
  /** How many the broker has told of at the start; `undefined` where it tells of none. */
  readonly known: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** The mark on what is brought back. */
  readonly broughtBy: string;
  /** What the run has done in the dead-letter queues before this one. */
  readonly before: RedriveReport;
}

export interface RedriveContext {
  /** Where the messages failed. */
  readonly from: Pick<Address, "name" | "group">;
  readonly clock: Clock;
  /** To where the messages failed. */
  readonly back: DestinationSender;
  /** This message was published to where it failed, marked with this run. */
  redriven(message: Pick<Delivery, "id">, run: string): void;
  /** To the dead-letter queue, for those that stay. */
  readonly deadLettered: DestinationSender;
  consume(
    options: ConsumeOptions,
    handler: (value: Uint8Array, delivery: Delivery) => Promise<void>,
  ): Promise<Subscription>;
}

/** How long to rest before what came round is put back once more, when nothing new has come since it last came. */
const roundMs = 100;

/**
 * Takes each dead-lettered message in turn: publishes it to where it failed, or puts it back
 * at the end, and acks it only then. A crash in between leaves one copy too many,
 * never one too few.
 */
export async function bringBack(options: RedriveRun, context: RedriveContext): Promise<RedriveReport> {
  const { max, filter, known, signal, broughtBy, before } = options;
  /** The mark on what was put back at the end. */
  const keptBy = runName(randomName());
  let seen = 0;
  let redriven = 0;
  let ofOthers = 0;
  /** How many are going round, since they were put back, and how many of these have come again since the last one that had not been seen. */
  let kept = 0;
  let met = 0;

  const end = Promise.withResolvers<void>();
  let quiet: unknown;
  let isQuiet = false;
  let isWorking = false;
  let ended = false;
  const waitForMore = () => {
    context.clock.clearTimeout(quiet);
    const onQuiet = () => {
      isQuiet = true;
      if (!isWorking) end.resolve();
    };
    if (!ended) quiet = context.clock.setTimeout(onQuiet, quietTimeFor(seen, known));
  };

  const putBack = (delivery: Delivery) => {
    const key = keyOf(delivery);
    const headers: Record<string, string> = {
      ...ownHeaders(delivery),
      [deadLetterHeaders.redriveRun]: withRun(rawHeaders(delivery), keptBy),
    };
    if (key !== undefined) headers[deadLetterHeaders.key] = key;
    return publish(context.deadLettered, delivery, headers);
  };

  const soFar = (): RedriveReport => ({
    seen: before.seen + seen,
    redriven: before.redriven + redriven,
    ofOthers: before.ofOthers + ofOthers,
    complete: false,
  });

  const bring = async (delivery: Delivery, deadLettered: DeadLetterInfo): Promise<void> => {
    const isOfOthers = failedElsewhere(rawHeaders(delivery), context.from);
    const chosen = !isOfOthers && chosenBy(filter, deadLettered, soFar);
    if (chosen) {
      await publish(context.back, delivery, revived(delivery, broughtBy));
      context.redriven(delivery, broughtBy);
    } else await putBack(delivery);
    await delivery.ack();
    seen++;
    met = 0;
    if (isOfOthers) ofOthers++;
    if (chosen) redriven++;
    else kept++;
  };

  /** Put back by this very run, or brought back by it and failed once more: or it would never end. */
  const meet = async (delivery: Delivery, isRound: boolean): Promise<void> => {
    await putBack(delivery);
    await delivery.ack();
    if (isRound) met++;
    else kept++;
  };

  const handle = async (delivery: Delivery): Promise<void> => {
    if (ended || redriven >= max) return end.resolve();
    const deadLettered = deadLetterDetails(delivery) ?? givenUpByBroker(delivery, context.from);
    const runs = runsOf(rawHeaders(delivery));
    const isRound = runs.includes(keptBy);
    const isAgain = isRound || runs.includes(broughtBy);
    // Where dead-lettered messages have no one order, or come by several ways of which one is not open yet, others may stand behind
    // what has come round. Once all of it has, nothing but time tells that there are none, so there is no hurry.
    const isNews = !isRound || met < kept;
    if (isNews) context.clock.clearTimeout(quiet);
    else await sleep(context.clock, roundMs, delivery.signal);
    if (ended) return;
    isWorking = true;
    try {
      await (isAgain ? meet(delivery, isRound) : bring(delivery, deadLettered));
    } catch (cause) {
      return end.reject(cause);
    }
    isWorking = false;
    if (isQuiet || redriven >= max || (known !== undefined && seen >= known)) end.resolve();
    else if (isNews) waitForMore();
  };

  const opening = new AbortController();
  let isOpening = true;
  let isAborted = false;
  const onAbort = () => {
    isAborted = true;
    // Once it is open it is closed below, which waits for what is in hand.
    if (isOpening) opening.abort();
    end.resolve();
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  let subscription: Subscription | undefined;
  try {
    subscription = await context.consume(
      {
        concurrency: 1,
        prefetch: 100,
        retry: { maxAttempts: Number.POSITIVE_INFINITY },
        signal: opening.signal,
      },
      // A dead-lettered message that is not to be touched stays unsettled, and goes back when this ends.
      async (_body, delivery) => {
        await handle(delivery);
        if (delivery.settlement === undefined) await untilAborted(delivery);
      },
    );
    isOpening = false;
    // What has come already while it began has set its own wait, or is still in hand.
    if (quiet === undefined && !isWorking) waitForMore();
    const failure = await Promise.race([end.promise, subscription.ended]);
    if (failure !== undefined) throw failure;
  } catch (cause) {
    if (!(isOpening && isAborted)) throw cause;
  } finally {
    ended = true;
    context.clock.clearTimeout(quiet);
    signal?.removeEventListener("abort", onAbort);
    await subscription?.close({ timeoutMs: 0 });
  }
  const isAll = known === undefined ? isQuiet && !isAborted : seen >= known;
  return { seen, redriven, ofOthers, complete: isAll };
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
    body: (delivery as unknown as Attempt).inFlight.message.body,
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
const ours = new Set<string>([
  ...Object.values(deadLetterHeaders),
  attemptHeader,
  expiresHeader,
  firstFailedHeader,
]);

/** With those of core's own, which the application does not see. */
function rawHeaders(delivery: Delivery): Headers {
  return (delivery as unknown as Attempt).inFlight.message.headers;
}

/** Those that the application set, out of reach of a filter that changes what it is shown. */
function ownHeaders(delivery: Delivery): Headers {
  return (delivery as unknown as Attempt).inFlight.headers;
}

/** The headers as they were before it failed, and the run's mark: its attempts begin anew. */
function revived(delivery: Delivery, run: string): Headers {
  const own = Object.entries(ownHeaders(delivery)).filter(([name]) => !ours.has(name));
  return { ...Object.fromEntries(own), [deadLetterHeaders.redriveRun]: withRun(rawHeaders(delivery), run) };
}
