// `npm run test:all`: everything, on every broker. A broker that cannot be had is a failure, not something to skip.
// `npm run test:all -- redis rabbitmq` starts and tests only those. WAYBILL_TEST_PROCESSES: how many at a time;
// WAYBILL_TEST_MINUTES: when to give up.
import { type BrokerName, brokerNames, isBrokerName } from "@waybill/local-brokers";
import { refuse } from "./refuse.ts";
import { addUp, inWords, type Tally, writeTally } from "./tally.ts";
import { brokerList } from "./testing/broker-list.ts";
import { conformanceTable } from "./testing/conformance-table.ts";
import { printFailures } from "./testing/failures.ts";
import { heading } from "./testing/heading.ts";
import { allowingKills } from "./testing/may-kill.ts";
import { unknownMeasuredCases } from "./testing/measured-tests.ts";
import { numberFrom } from "./testing/number-from.ts";
import { OwnBrokers } from "./testing/own-brokers.ts";
import { runLimit } from "./testing/run-limit.ts";
import { runtimeJobs } from "./testing/runtimes.ts";
import { forgetReports, savedReports } from "./testing/saved-reports.ts";
import { processCount, testBrokers } from "./testing/side-by-side.ts";
import { runVitest, type VitestResult } from "./testing/vitest.ts";
import { packages } from "./workspace.ts";

/** Long enough for a busy computer, short enough that continuous integration hears the result within its hour. */
const usualMinutes = 50;

const signal = runLimit(numberFrom("WAYBILL_TEST_MINUTES", 1_440, process.env) ?? usualMinutes);
const processes = processCount(process.env);
const asked = namesFrom(process.argv.slice(2));
const chosen = asked.length === 0 ? brokerNames : asked;

forgetReports();
heading("Starting the brokers");
const brokers = await OwnBrokers.prepare(chosen);
const tallies: Tally[] = [];
const results: VitestResult[] = [];
const fail = (why: string) => {
  tallies.push({ passed: 0, failed: 1 });
  console.error(`  ${why}`);
};
try {
  const outcomes = await brokers.up();
  for (const { problem } of outcomes) {
    if (problem === null) continue;
    fail(`${problem.message}${problem.remedy === null ? "" : ` (${problem.remedy})`}`);
    if (problem.log !== null) console.error(problem.log);
  }
  const list = brokerList(outcomes.map(({ status }) => status));
  console.log(list);

  if (asked.length === 0) {
    heading("Tests that need no broker");
    results.push(await runVitest({ name: "unit", args: [], reporter: "default", signal }));
  }
  const env = allowingKills(brokers.environment);
  const only = ({ broker }: { broker: BrokerName | undefined }) =>
    asked.length === 0 || (broker !== undefined && asked.includes(broker));
  const beside = asked.length === 0 ? runtimeJobs(signal) : [];
  results.push(...(await testBrokers({ env, signal, processes, only, beside })));
  printFailures(results);

  heading("Conformance");
  const reports = savedReports();
  console.log(conformanceTable(reports));
  for (const { folder } of packages.filter(({ isAdapter }) => isAdapter)) {
    if (asked.length > 0 && !asked.some((name) => name === folder)) continue;
    if (reports.some(({ adapter }) => adapter === folder)) continue;
    fail(`${folder}: the suite left no report, so nothing is proven.`);
  }
  for (const id of reports.length === 0 ? [] : unknownMeasuredCases(reports))
    fail(`${id} is no case: take it out of scripts/testing/measured-tests.ts, or give it its new name.`);

  heading("Brokers used");
  console.log(list);
} finally {
  heading("Taking the brokers down");
  await brokers.down();
}

const total = addUp([...tallies, ...results]);
writeTally("test-all", total);
console.log(`\n${inWords(total)}`);
process.exit(total.failed === 0 && !signal.aborted ? 0 : 1);

function namesFrom(words: readonly string[]): readonly BrokerName[] {
  const unknown = words.filter((word) => !isBrokerName(word));
  if (unknown.length === 0) return words.filter(isBrokerName);
  return refuse(`There is no broker ${unknown.join(", ")}: choose from ${brokerNames.join(", ")}.`);
}
