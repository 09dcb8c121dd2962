import type { Capabilities, Feature } from "@waybill/core/spi";
import { type Case, type GuaranteeId, suiteOf } from "../case.ts";
import { type Counts, noCounts } from "../history.ts";
import { missingPart } from "../parts.ts";
import { provesRefusal } from "../refusing.ts";
import { allCases } from "../suites/index.ts";
import type { ConformanceTarget } from "../target.ts";
import { type Attempt, type AttemptOptions, attempt } from "./attempt.ts";
import type { CaseResult, Outcome } from "./result.ts";

/** A case, ready to be run on one target. */
export interface ConformanceCase {
  readonly id: string;
  readonly suite: string;
  readonly title: string;
  readonly guarantee: GuaranteeId;
  readonly capability: Feature | null;
  readonly timeoutMs: number;
  /** To be run when nothing else runs. */
  readonly exclusive: boolean;
  /** Why it will not be run, if so. */
  readonly skipped: string | undefined;
  /** Runs it `copies` times at once (default once). Never rejects: a failure is an outcome. */
  run(options?: AttemptOptions & { readonly copies?: number }): Promise<CaseResult>;
}

/** All cases, as they stand for this target. @throws Error when a quirk names no case. */
export function conformanceCases(target: ConformanceTarget): readonly ConformanceCase[] {
  const { capabilities } = target.driver();
  for (const quirk of target.quirks ?? []) {
    if (!allCases.some(({ id }) => id === quirk.case)) throw new Error(`No case has the id "${quirk.case}".`);
  }
  const refusals = new Map<Feature, Promise<Attempt>>();
  return allCases.map((definition) => planned(target, capabilities, definition, refusals));
}

function planned(
  target: ConformanceTarget,
  capabilities: Capabilities,
  definition: Case,
  refusals: Map<Feature, Promise<Attempt>>,
): ConformanceCase {
  const { id, title, guarantee, needs, timeoutMs, exclusive } = definition;
  const absent = needs.find((feature) => capabilities.features[feature] === undefined);
  const skipped = absent === undefined ? whySkipped(target, capabilities, definition) : undefined;
  const capability = absent ?? needs[0] ?? null;
  const base = { id, title, guarantee, capability };

  return {
    ...base,
    suite: suiteOf(id),
    timeoutMs,
    exclusive: exclusive && absent === undefined,
    skipped,
    async run({ copies = 1, ...options } = {}) {
      if (skipped !== undefined) {
        return { ...base, outcome: "not-run", ms: 0, counts: noCounts(), reason: skipped };
      }
      if (absent !== undefined) {
        const refusal = await refusalOf(target, absent, refusals);
        return result(base, refusal, refusal.error === undefined ? "refused" : "failed");
      }
      const attempts = await Promise.all(
        Array.from({ length: copies }, () => attempt(target, definition, options)),
      );
      return judged(base, merged(attempts), target);
    },
  };
}

function whySkipped(
  target: ConformanceTarget,
  capabilities: Capabilities,
  definition: Case,
): string | undefined {
  const applies = definition.applies(capabilities);
  if (applies !== true) return `does not apply: ${applies}`;
  const missing = missingPart(target, definition.parts);
  return missing === undefined ? undefined : `the target does not give "${missing}"`;
}

/** One proof of a refusal stands for all cases that need the feature. */
function refusalOf(
  target: ConformanceTarget,
  feature: Feature,
  refusals: Map<Feature, Promise<Attempt>>,
): Promise<Attempt> {
  let refusal = refusals.get(feature);
  if (refusal === undefined) {
    refusal = attempt(target, { run: (context) => provesRefusal(context, feature), timeoutMs: 60_000 });
    refusals.set(feature, refusal);
  }
  return refusal;
}

type Base = Pick<CaseResult, "id" | "title" | "guarantee" | "capability">;

function judged(base: Base, made: Attempt, target: ConformanceTarget): CaseResult {
  const quirk = target.quirks?.find((candidate) => candidate.case === base.id);
  if (made.error !== undefined) {
    const foreseen = quirk !== undefined && (quirk.failure?.test(messageOf(made.error)) ?? true);
    return foreseen ? { ...result(base, made, "quirk"), reason: quirk.reason } : result(base, made, "failed");
  }
  if (quirk === undefined || quirk.sometimes === true) return result(base, made, "passed");
  return {
    ...result(base, made, "failed"),
    reason: `It passes, so it is no quirk any more ("${quirk.reason}"): take the quirk out of the target.`,
  };
}

function result(base: Base, made: Attempt, outcome: Outcome): CaseResult {
  const measured = Object.keys(made.measures).length > 0 ? { measures: made.measures } : {};
  const plain = { ...base, outcome, ms: made.ms, counts: made.counts, ...measured };
  if (made.error === undefined) return plain;
  const stack = made.error instanceof Error ? made.error.stack : undefined;
  return { ...plain, reason: messageOf(made.error), ...(stack === undefined ? {} : { stack }) };
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

function merged(attempts: readonly Attempt[]): Attempt {
  const counts = noCounts();
  for (const made of attempts) {
    for (const name of Object.keys(counts) as (keyof Counts)[]) counts[name] += made.counts[name];
  }
  return {
    error: attempts.find((made) => made.error !== undefined)?.error,
    ms: Math.max(...attempts.map((made) => made.ms)),
    counts,
    measures: Object.assign({}, ...attempts.map((made) => made.measures)),
  };
}
