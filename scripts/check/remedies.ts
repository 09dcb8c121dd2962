import { files, packages, read } from "../workspace.ts";
import type { Step } from "./step.ts";
import { errorsMadeIn, subjectsIn } from "./syntax.ts";

/** Files whose errors need no remedy, by code, each with its reason. */
const withoutRemedy: Readonly<Record<string, string>> = {
  "packages/core/src/consuming/manual-settlement.ts HANDLER_FAILED":
    "A handler asked for a retry of its own accord; the warning around it says what to do.",
  "packages/core/src/consuming/manual-settlement.ts REJECTED":
    "The text is the handler's own reason; the warning around it says what to do.",
  "packages/core/src/spi/normalise.ts code":
    "The driver names it where it knows one; whoever made the call adds its own otherwise.",
  "packages/core/src/errors/remembered.ts kept.code": "Its text is a whole error's, remedy included.",
};

export const remedies: Step = {
  title: "Errors: each is about a noun, and says what to do",
  run: async () => {
    const folders = packages
      .filter(({ folder, isAdapter }) => folder === "core" || isAdapter)
      .map(({ folder }) => `packages/${folder}/src/`);
    const paths = files("packages/**/*.ts").filter((path) => folders.some((each) => path.startsWith(each)));
    return remedyProblems(new Map(paths.map((path) => [path, read(path)])), withoutRemedy);
  },
};

/**
 * Which errors of these files have no remedy, or one that is no instruction, or no noun as their subject, and
 * which exceptions are not needed.
 */
export function remedyProblems(
  texts: ReadonlyMap<string, string>,
  exceptions: Readonly<Record<string, string>>,
): readonly string[] {
  const needed = new Set<string>();
  const problems: string[] = [];
  for (const [path, text] of texts) {
    for (const { text: sentence, line } of subjectsIn(path, text)) {
      if (hasNoSubject.test(sentence))
        problems.push(`${path}:${line}: "${sentence}" begins with a clause; begin with a noun`);
    }
    for (const { code, line, hasRemedy, remedy } of errorsMadeIn(path, text)) {
      const name = `${path} ${code}`;
      if (remedy !== undefined && isStatement.test(remedy)) {
        problems.push(`${path}:${line}: the remedy "${remedy}" is no instruction; begin with what to do`);
      }
      if (hasRemedy) continue;
      if (exceptions[name] === undefined) problems.push(`${path}:${line}: ${code} has no \`remedy\``);
      else needed.add(name);
    }
  }
  const stale = Object.keys(exceptions).filter((name) => !needed.has(name));
  return [...problems, ...stale.map((name) => `scripts/check/remedies.ts need not name ${name}`)];
}

/** How sentences begin whose subject is no noun. */
const hasNoSubject = /^(What|Whatever|Who|Whoever)\s/;

/** How sentences begin that state something instead of telling what to do. */
const isStatement = /^(A|An|The|This|That|These|Those|It|They|There|You|Its|What|Names|Values)\s/;
