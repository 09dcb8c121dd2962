import type { RedriveOptions, RedriveReport } from "../api/redrive.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { checkSignal } from "../errors/check-signal.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { shown } from "../errors/shown.ts";
import { bringBack, type RedriveContext } from "./bring-back.ts";
import { type LookSource, lookAt } from "./look-at.ts";

export interface RedriveSource extends RedriveContext, LookSource {}

/** Checks the options and leaves the rest to a run or to a look. */
export async function redrive(options: RedriveOptions, source: RedriveSource): Promise<RedriveReport> {
  const { max = Number.POSITIVE_INFINITY, filter = () => true, dryRun = false, signal } = options;
  // A backlog of none is looked into all the same: some brokers count late, and RabbitMQ says
  // 0 for a quorum queue whose leader is too busy to answer (rabbit_quorum_queue:stat/2).
  const known = (await source.backlog()) || undefined;
  if (!dryRun) return bringBack({ max, filter, known, signal }, source);
  return lookAt(source, { known, signal: signal ?? new AbortController().signal });
}

/** @throws MessagingError `UNKNOWN_OPTION`, `INVALID_ARGUMENT` */
export function checkRedriveOptions(options: RedriveOptions): void {
  checkOptionNames("redrive", options, ["max", "filter", "dryRun", "deadLetter", "signal"]);
  const { max, filter, dryRun, signal } = options;
  if (max !== undefined && !(typeof max === "number" && max >= 1))
    throw new MessagingError("INVALID_ARGUMENT", `\`max\` takes a number of at least 1, not ${shown(max)}.`);
  if (filter !== undefined && typeof filter !== "function")
    throw new MessagingError("INVALID_ARGUMENT", "`filter` takes a function.");
  if (dryRun !== undefined && typeof dryRun !== "boolean")
    throw new MessagingError("INVALID_ARGUMENT", "`dryRun` takes true or false.");
  checkSignal(signal);
}
