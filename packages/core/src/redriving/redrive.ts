import type { RedriveOptions, RedriveReport } from "../api/redrive.ts";
import { runName } from "../consuming/run-marks.ts";
import { sourceText } from "../consuming/source-text.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { checkSignal } from "../errors/check-signal.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import { randomName } from "../publishing/ids.ts";
import { sleep } from "../runtime/sleep.ts";
import { unlessAborted } from "../runtime/unless-aborted.ts";
import type { Address } from "../spi/address.ts";
import type { ReceivedMessage } from "../spi/message.ts";
import type { TopologyState } from "../spi/topology.ts";
import { bringBack, type RedriveContext } from "./bring-back.ts";
import { failedElsewhere } from "./failed-elsewhere.ts";
import { isMissing, type LookSource, lookAt } from "./look-at.ts";

/** How often, and after how many milliseconds, a broker is asked again whether others consume. */
const mostLooks = 4;
const betweenLooksMs = 250;

const nothingDone: RedriveReport = { seen: 0, redriven: 0, ofOthers: 0, complete: false };

export interface RedriveSource extends RedriveContext, LookSource {
  /** What runs while nobody of this client looks into this dead-letter queue. */
  undisturbed<T>(work: () => Promise<T>): Promise<T>;
}

/** Looks into one dead-letter queue after the other, as if they were one. */
export function redrive(options: RedriveOptions, sources: readonly RedriveSource[]): Promise<RedriveReport> {
  const run = () => redriveAll(options, sources);
  return sources.reduceRight((work, source) => () => source.undisturbed(work), run)();
}

async function redriveAll(
  { max = Number.POSITIVE_INFINITY, filter = () => true, dryRun = false, signal }: RedriveOptions,
  sources: readonly RedriveSource[],
): Promise<RedriveReport> {
  // All first: what fails again may come to one that has still to be looked into.
  const states: (TopologyState | undefined)[] = [];
  for (const source of sources) states.push(await settledState(source, signal));
  if (signal?.aborted) return nothingDone;
  const broughtBy = runName(randomName());
  const sum = { seen: 0, redriven: 0, ofOthers: 0, complete: true };
  for (const [index, source] of sources.entries()) {
    if (signal?.aborted) return { ...sum, complete: false };
    const state = states[index];
    // Nothing was ever dead-lettered there. To look into it would make it.
    if (isMissing(state)) continue;
    const left = max - sum.redriven;
    if (left <= 0) return { ...sum, complete: false };
    const othersHold = state?.unsettled === "unknown";
    const unsettled = state?.unsettled === "unknown" ? 0 : (state?.unsettled ?? 0);
    // A backlog of none is looked into all the same: some brokers count late, and RabbitMQ says
    // 0 for a quorum queue whose leader is too busy to answer (rabbit_quorum_queue:stat/2).
    const known = (state?.backlog ?? 0) + unsettled || undefined;
    const { seen, redriven, ofOthers, complete } = dryRun
      ? await dryRunOf(source, known, signal)
      : await bringBack({ max: left, filter, known, signal, broughtBy, before: sum }, source);
    sum.seen += seen;
    sum.redriven += redriven;
    sum.ofOthers += ofOthers;
    sum.complete &&= complete && !othersHold;
  }
  return sum;
}

async function dryRunOf(
  source: RedriveSource,
  known: number | undefined,
  signal = new AbortController().signal,
): Promise<RedriveReport> {
  let ofOthers = 0;
  const onMessage = ({ headers }: ReceivedMessage) => {
    if (failedElsewhere(headers, source.from)) ofOthers++;
  };
  try {
    const { seen, complete } = await lookAt(source, { known, signal, onMessage });
    return { seen, redriven: 0, ofOthers, complete };
  } catch (cause) {
    // It had not begun to look.
    if (signal.aborted) return nothingDone;
    throw cause;
  }
}

/**
 * Told where a client redrives that has never consumed the source itself, and so cannot know whether
 * the source's consumers have a dead-letter queue of their own.
 */
export function nothingFound(deadLetterQueue: Address, back: Address): MessagingError {
  return new MessagingError(
    "NOT_FOUND",
    `A redrive into ${sourceText(back)} found nothing in "${deadLetterQueue.name}", where its dead-lettered messages are by default.`,
    {
      remedy: "If its consumers name a dead-letter queue of their own, pass that one as `deadLetter`.",
      details: { source: back.name, group: back.group, deadLetter: deadLetterQueue.name },
    },
  );
}

/** A consumer that has just closed may still be counted: it is asked for once more before that is believed. */
async function settledState(
  { inspect, clock }: RedriveSource,
  signal: AbortSignal | undefined,
): Promise<TopologyState | undefined> {
  for (let looks = 1; ; looks++) {
    const state = await unlessEnded(inspect(), signal);
    if (state?.unsettled !== "unknown" || looks === mostLooks || signal?.aborted) return state;
    await sleep(clock, betweenLooksMs, signal);
  }
}

/** What comes of the work, or `undefined` as soon as the signal fires. */
async function unlessEnded<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (signal === undefined) return work;
  try {
    return await unlessAborted(work, signal);
  } catch (cause) {
    if (signal.aborted) return undefined;
    throw cause;
  }
}

/**
 * The options as they are now, whatever becomes of the object.
 * @throws MessagingError `UNKNOWN_OPTION`, `INVALID_ARGUMENT`
 */
export function checkedRedriveOptions(given: RedriveOptions): RedriveOptions {
  return readable("The arguments of redrive", () => {
    checkRedriveOptions(given);
    return { ...given };
  });
}

function checkRedriveOptions(options: RedriveOptions): void {
  checkOptionNames("redrive", options, ["max", "filter", "dryRun", "deadLetter", "signal"]);
  const { max, filter, dryRun, signal } = options;
  const isCount = max === Number.POSITIVE_INFINITY || (Number.isInteger(max) && (max as number) >= 1);
  if (max !== undefined && !isCount)
    throw invalidArgument("max", "a whole number of at least 1, or `Infinity`", max);
  if (filter !== undefined && typeof filter !== "function")
    throw invalidArgument("filter", "a function", filter);
  if (dryRun !== undefined && typeof dryRun !== "boolean")
    throw invalidArgument("dryRun", "true or false", dryRun);
  checkSignal(signal);
}

/** @throws MessagingError `INVALID_ARGUMENT` for a queue that would be its own dead-letter queue */
export function checkLeadsElsewhere(deadLetterQueue: Address, back: Address): void {
  if (back.kind !== deadLetterQueue.kind || back.brokerName !== deadLetterQueue.brokerName) return;
  throw new MessagingError("INVALID_ARGUMENT", `"${back.name}" cannot be redriven into itself.`, {
    remedy: "Name as `deadLetter` the queue that holds its dead-lettered messages.",
    details: { queue: back.name },
  });
}
