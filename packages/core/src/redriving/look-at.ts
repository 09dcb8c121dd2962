import { DeadLetteredCopies } from "../consuming/dead-lettered-copies.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Consumer } from "../spi/driver.ts";
import type { TopologyState } from "../spi/topology.ts";
import { type LookContext, type LookReport, look } from "./look.ts";

/** A dead-letter queue, to be looked at. */
export interface LookSource {
  readonly clock: Clock;
  /** What there is of it. */
  inspect(): Promise<TopologyState | undefined>;
  /** How long the broker lets a delivery unsettled, in milliseconds. */
  readonly leaseMs: number | undefined;
  /** Opens a consumer for looking only. The signal fires when its connection is lost. */
  open(signal: AbortSignal): Promise<{ readonly consumer: Consumer; readonly signal: AbortSignal }>;
}

/** What is not there yet holds nothing; what is there in another form may. */
export function isMissing(state: TopologyState | undefined): boolean {
  return state?.exists === false && state.differences.length === 0;
}

/** Looks once, with a consumer of its own. */
export async function lookAt(
  { clock, leaseMs, open }: LookSource,
  options: Omit<LookContext, "clock" | "leaseMs" | "consumer">,
): Promise<LookReport> {
  const opened = await open(options.signal);
  const signal = AbortSignal.any([options.signal, opened.signal]);
  const report = await look({ ...options, clock, leaseMs, signal, consumer: opened.consumer });
  if (opened.signal.aborted) throw opened.signal.reason;
  return report;
}

/** How long a look that nobody waits for holds what others may want, in milliseconds, before it gives up. */
const missingTimeoutMs = 3_000;

/** Whose copies are there. `trustsNone`: where the broker tells of no message, that is enough. */
export async function lookForCopies(
  source: LookSource,
  { signal, trustsNone }: { readonly signal: AbortSignal; readonly trustsNone: boolean },
): Promise<DeadLetteredCopies> {
  const copies = new DeadLetteredCopies();
  const state = await source.inspect();
  // To look into what is not there would make it.
  const isThere = !isMissing(state);
  const backlog = isThere ? state?.backlog : 0;
  copies.isCounted = backlog !== undefined;
  if (!isThere) return copies.end(true);
  if (backlog === 0 && trustsNone) return copies.end(true);
  // As in a redrive, none is not taken for an answer.
  const known = backlog || undefined;
  const onMessage = copies.add.bind(copies);
  const { complete } = await lookAt(source, { known, signal, missingTimeoutMs, onMessage });
  return copies.end(complete);
}
