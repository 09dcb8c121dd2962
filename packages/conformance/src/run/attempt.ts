import type { Case } from "../case.ts";
import { Context } from "../context.ts";
import { type Counts, noCounts } from "../history.ts";
import type { ConformanceTarget } from "../target.ts";
import { inTime } from "../waiting.ts";

/** How one run of a case's body ended. */
export interface Attempt {
  readonly error: unknown;
  readonly ms: number;
  readonly counts: Counts;
  readonly measures: Readonly<Record<string, number>>;
}

export interface AttemptOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long to wait for what must come, as a share of what the cases say. Default 1. */
  readonly timeoutScale?: number | undefined;
}

/** However small the scale, a case that works has this long, in milliseconds. */
const leastTimeMs = 15_000;

/** Runs the body of a case once, in a context of its own, and clears up after it. Never rejects. */
export async function attempt(
  target: ConformanceTarget,
  { run, timeoutMs }: Pick<Case, "run" | "timeoutMs">,
  { signal, timeoutScale = 1 }: AttemptOptions = {},
): Promise<Attempt> {
  const limitMs = Math.max(timeoutMs * timeoutScale, Math.min(timeoutMs, leastTimeMs));
  const outOfTime = new AbortController();
  const signals = signal === undefined ? [outOfTime.signal] : [outOfTime.signal, signal];
  const started = performance.now();
  let context: Context | undefined;
  let error: unknown;
  try {
    signal?.throwIfAborted();
    const opened = new Context(target, shortId(), AbortSignal.any(signals), timeoutScale);
    context = opened;
    // Starting in a callback turns a synchronous throw into a rejection.
    const running = Promise.resolve().then(() => run(opened));
    await inTime(running, limitMs, () => new Error(`The case was not done after ${limitMs} ms.`));
  } catch (caught) {
    error = caught ?? new Error("The case threw nothing.");
  }
  const ms = Math.round(performance.now() - started);
  outOfTime.abort(new Error("The case is over."));
  const counts = context?.counts() ?? noCounts();
  await context?.end();
  return { error, ms, counts, measures: context?.measures ?? {} };
}

/** Unique among the runs that share a broker, and short, since it is in every name that a case uses. */
const shortId = (): string => `wb${Math.random().toString(36).slice(2, 8).padEnd(6, "0")}`;
