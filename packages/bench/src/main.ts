import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { bringUp } from "@waybill/local-brokers";
import { type Comparison, compare } from "./compare.ts";
import { type Entry, entries } from "./entries.ts";
import { scenarios } from "./scenarios/index.ts";

const help = `Compares Waybill with each vendor client tuned by hand, its defaults with Waybill tuned by hand, and other
pairs that "a : b" names, in the same run. A ratio above 1 is better, below 1 is worse than what it is compared with.

  npm run bench -- [options]

  --only <adapter>   one of ${entries.map((entry) => entry.adapter).join(", ")}; may be repeated
  --scenario <word>  only scenarios with this in their name; may be repeated
  --rounds <n>       counted rounds of each scenario (default 5)
  --json <file>      also write the result there
  --help             this text
`;

function refuse(message: string): never {
  console.error(`${message}\n\n${help}`);
  process.exit(2);
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: "string", multiple: true, default: [] },
        scenario: { type: "string", multiple: true, default: [] },
        rounds: { type: "string", default: "5" },
        json: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    return values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

async function urlOf(entry: Entry): Promise<string> {
  if (entry.broker === undefined) return "memory:";
  const [outcome] = await bringUp([entry.broker]);
  if (outcome?.status.url == null) throw outcome?.problem ?? new Error(`${entry.broker} is not up`);
  return outcome.status.url;
}

function line({ adapter, scenario, unit, ours, against, ratio, spread }: Comparison): string {
  const number = (value: number) => value.toLocaleString("en").padStart(11);
  const [low, high] = spread.map((value) => value.toFixed(2));
  const measured = `${number(ours)}${number(against)}  ${unit.padEnd(7)}`;
  return `${adapter.padEnd(15)}${scenario.padEnd(27)}${measured}${ratio.toFixed(2).padStart(7)}   ${low}–${high}`;
}

const options = readArguments();
if (options.help) {
  console.log(help);
  process.exit(0);
}
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  refuse(`--rounds takes a whole number of at least 1, not ${options.rounds}.`);
for (const name of options.only) {
  if (!entries.some((entry) => entry.adapter === name)) refuse(`No adapter is named "${name}".`);
}

console.log(
  `256 B messages, ${rounds} rounds each, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}`,
);
const chosen = scenarios.filter(
  ({ name }) => options.scenario.length === 0 || options.scenario.some((word) => name.includes(word)),
);
if (chosen.length === 0) refuse(`No scenario has ${options.scenario.join(" or ")} in its name.`);
console.log(
  `\n${"adapter".padEnd(15)}${"scenario".padEnd(27)}${"ours".padStart(11)}${"against".padStart(11)}  ${"unit".padEnd(7)}${"ratio".padStart(7)}   spread`,
);
const results: Comparison[] = [];
for (const entry of entries) {
  if (options.only.length > 0 && !options.only.includes(entry.adapter)) continue;
  const url = await urlOf(entry);
  for (const scenario of chosen) {
    const comparison = await compare(scenario, entry, url, rounds);
    if (comparison === undefined) continue;
    results.push(comparison);
    console.log(line(comparison));
  }
}
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
