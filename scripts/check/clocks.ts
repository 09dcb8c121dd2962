import { files, read } from "../workspace.ts";
import type { Step } from "./step.ts";
import { systemTimeIn } from "./system-time.ts";

/** Folders of core that may use the computer's own time: the clock itself, and what drivers build on. */
const below = ["packages/core/src/runtime/", "packages/core/src/spi/"];

/** Uses of the computer's own time that the client's clock cannot replace, by file and name, each with its reason. */
const needed: Readonly<Record<string, string>> = {
  "packages/core/src/client/decide-options.ts systemClock": "It is the default of the option `clock`.",
};

export const clocks: Step = {
  title: "Clocks: core knows no time but its client's",
  run: async () => {
    const paths = files("packages/core/src/**/*.ts").filter(
      (path) => !below.some((folder) => path.startsWith(folder)),
    );
    return clockProblems(new Map(paths.map((path) => [path, read(path)])), needed);
  },
};

/** Where these files use the computer's own time, and which exceptions are not needed. */
export function clockProblems(
  texts: ReadonlyMap<string, string>,
  exceptions: Readonly<Record<string, string>>,
): readonly string[] {
  const used = new Set<string>();
  const problems: string[] = [];
  for (const [path, text] of texts) {
    for (const { text: name, line } of systemTimeIn(path, text)) {
      used.add(`${path} ${name}`);
      if (exceptions[`${path} ${name}`] === undefined)
        problems.push(`${path}:${line}: ${name}: use the client's clock`);
    }
  }
  const stale = Object.keys(exceptions).filter((name) => !used.has(name));
  return [...problems, ...stale.map((name) => `scripts/check/clocks.ts need not name ${name}`)];
}
