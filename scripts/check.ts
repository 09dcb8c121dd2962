// `npm run check`: everything that can be known without running a message through a broker.
import { styleText } from "node:util";
import { changesets } from "./check/changesets.ts";
import { clocks } from "./check/clocks.ts";
import { lint, size, types, unused } from "./check/commands.ts";
import { docstrings } from "./check/docstrings.ts";
import { documents } from "./check/documents.ts";
import { imports } from "./check/imports.ts";
import { layout } from "./check/layout.ts";
import { lockfile } from "./check/lockfile.ts";
import { published } from "./check/published.ts";
import { remedies } from "./check/remedies.ts";
import { reasons } from "./check/size-reasons.ts";
import { snippets } from "./check/snippets.ts";
import { words } from "./check/words.ts";
import { refuse } from "./refuse.ts";
import { writeTally } from "./tally.ts";

const all = {
  types,
  lint,
  layout,
  words,
  imports,
  clocks,
  remedies,
  docstrings,
  lockfile,
  unused,
  published,
  size,
  reasons,
  changesets,
  documents,
  snippets,
};

// `npm run check -- layout imports` runs only those.
const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !Object.hasOwn(all, name));
if (unknown.length > 0) {
  refuse(`There is no check ${unknown.join(", ")}: choose from ${Object.keys(all).join(", ")}.`);
}
const steps = Object.entries(all).filter(([name]) => chosen.length === 0 || chosen.includes(name));

const failed: string[] = [];
for (const [name, { title, run }] of steps) {
  const started = performance.now();
  console.log(styleText("bold", `\n── ${title}`));
  const problems = await run();
  for (const problem of problems) console.log(problem);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (problems.length === 0) console.log(styleText("green", `ok (${seconds} s)`));
  else {
    failed.push(name);
    console.log(
      styleText("red", `${problems.length} problem${problems.length === 1 ? "" : "s"} (${seconds} s)`),
    );
  }
}

console.log(styleText("bold", "\n── Summary"));
for (const [name, { title }] of steps) {
  console.log(`${failed.includes(name) ? "FAILED" : "ok    "}  ${name.padEnd(10)}  ${title}`);
}
writeTally("check", { passed: steps.length - failed.length, failed: failed.length });
process.exitCode = failed.length === 0 ? 0 : 1;
