import { type Program, runProgram, type Variant } from "@waybill/conformance/model";
import fc from "fast-check";
import { arbitraryProgram } from "./arbitrary-program.ts";
import { knownPrograms } from "./known-programs.ts";
import { randomFrom } from "./random-from.ts";
import { variants as allVariants } from "./variants.ts";

export interface Exploration {
  readonly programs: number;
  readonly seed: number;
  /** Default: all, an equal share each. */
  readonly variant: string | undefined;
  /** Where in the tree of programs a failure was found before. */
  readonly path: string | undefined;
  /** The variants after the first one with a failing program are not run. */
  readonly endsAtFirst: boolean;
}

/** How many programs a variant has at a time. */
const roundPrograms = 250;

/** Runs so many programs, and prints what the first failing one of each variant comes down to. True when one failed. */
export async function explore({ programs, seed, variant, path, endsAtFirst }: Exploration): Promise<boolean> {
  const variants = allVariants.filter(({ name }) => variant === undefined || name === variant);
  if (variants.length === 0) {
    console.error(
      `There is no variant ${variant}: there are ${allVariants.map(({ name }) => name).join(", ")}.`,
    );
    return true;
  }
  const began = Date.now();
  const failed = new Set<Variant>();
  const share = Math.ceil(programs / variants.length);
  if (path === undefined) for (const each of variants) if (await isKnownFailing(each)) failed.add(each);
  // In rounds, so that each variant has a turn soon.
  for (let done = 0; done < share; done += roundPrograms) {
    for (const each of variants) {
      if (failed.has(each) || (failed.size > 0 && endsAtFirst)) continue;
      const count = Math.min(roundPrograms, share - done);
      if (await isRoundFailing(each, count, seed + done, path)) failed.add(each);
    }
    const run = Math.min(share, done + roundPrograms) * variants.length;
    console.log(`${run} programs, ${((Date.now() - began) / 1_000).toFixed(1)} s`);
  }
  for (const each of variants)
    console.log(`${failed.has(each) ? "FAILS" : "holds"}  ${each.name}: ${each.about}`);
  return failed.size > 0;
}

/** Runs those that are known, and prints the first failing one. */
async function isKnownFailing(variant: Variant): Promise<boolean> {
  for (const [number, program] of knownPrograms.entries()) {
    const { violations, log } = await runSteadily(variant, program, true);
    if (violations.length === 0) continue;
    console.log(`\n${variant.name}: a program fails (number ${number} of those that are known):`);
    print(program, log, violations);
    console.log(`Again: npm run model -- --variant ${variant.name}\n`);
    return true;
  }
  return false;
}

function print({ settings, commands }: Program, log: readonly string[], violations: readonly string[]): void {
  console.log(JSON.stringify(settings));
  for (const command of commands) console.log(`  ${JSON.stringify(command)}`);
  console.log(`What happened:\n  ${log.join("\n  ")}`);
  console.log(`What is wrong:\n  ${violations.join("\n  ")}`);
}

/** Runs some programs, and prints what the first failing one comes down to. */
async function isRoundFailing(
  variant: Variant,
  programs: number,
  seed: number,
  path: string | undefined,
): Promise<boolean> {
  const property = fc.asyncProperty(arbitraryProgram, async (program) => {
    const { violations } = await runSteadily(variant, program);
    if (violations.length > 0) throw new Error(violations[0]);
  });
  const result = await fc.check(property, {
    seed,
    numRuns: programs,
    ...(path === undefined ? {} : { path }),
  });
  if (!result.failed) return false;
  const [program] = result.counterexample as [Program];
  const { violations, log } = await runSteadily(variant, program, true);
  console.log(
    `\n${variant.name}: a program fails (seed ${seed}, after ${result.numRuns} programs and ${result.numShrinks} steps of shrinking):`,
  );
  print(program, log, violations);
  console.log(
    `Again: npm run model -- --variant ${variant.name} --seed ${seed} --path ${result.counterexamplePath}\n`,
  );
  return true;
}

/** Chance, too, is the same each time. */
function runSteadily(variant: Variant, program: Program, keepsLog = false) {
  const { random } = Math;
  Math.random = randomFrom(1);
  return runProgram(variant, program, { keepsLog }).finally(() => {
    Math.random = random;
  });
}
