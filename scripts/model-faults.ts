// `npm run model:faults [name…]`: puts each fault of scripts/model/faults into a copy of the sources, and expects programs to fail there.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { runFault } from "./model/run-fault.ts";
import { root } from "./workspace.ts";

const folder = join(root, "scripts/model/faults");
const wanted = process.argv.slice(2);
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".patch"))
  .map((file) => file.slice(0, -".patch".length))
  .filter((name) => wanted.length === 0 || wanted.includes(name));

const missed: string[] = [];
for (const name of names) {
  const began = Date.now();
  const { found, output } = runFault(join(folder, `${name}.patch`));
  console.log(`${found ? "found " : "MISSED"} ${name} (${((Date.now() - began) / 1_000).toFixed(1)} s)`);
  if (wanted.length > 0) console.log(output);
  else if (found) console.log(summary(output));
  if (!found) missed.push(name);
}
console.log(`${names.length - missed.length} of ${names.length} faults are found.`);
process.exitCode = missed.length > 0 || names.length === 0 ? 1 : 0;

/** The shrunk program, what is wrong with it, and how to run it again. */
function summary(output: string): string {
  const lines = output.split("\n");
  const from = lines.findIndex((line) => line.includes("a program fails"));
  const happened = lines.findIndex((line, index) => index > from && line.startsWith("What happened"));
  const wrong = lines.findIndex((line, index) => index > from && line.startsWith("What is wrong"));
  return [
    ...lines.slice(from, happened),
    ...lines.slice(wrong, wrong + 2),
    ...lines.slice(wrong).filter((line) => line.startsWith("Again")),
  ]
    .map((line) => `  ${line}`)
    .join("\n");
}
