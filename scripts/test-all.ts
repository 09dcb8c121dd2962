// `npm run test:all`: everything, on every broker. A broker that cannot be had is a failure, not something to skip.
import { endingSignals } from "./command.ts";
import { addUp, inWords, type Tally, writeTally } from "./tally.ts";
import { brokerList } from "./testing/broker-list.ts";
import { mayKillVariable } from "./testing/broker-status.ts";
import { forgetReports, savedReports } from "./testing/conformance.ts";
import { conformanceTable } from "./testing/conformance-table.ts";
import { heading } from "./testing/heading.ts";
import { OwnBrokers } from "./testing/own-brokers.ts";
import { onBrokers, runVitest } from "./testing/vitest.ts";
import { packages } from "./workspace.ts";

// The tests get the signal too and end; this process stays to take the brokers down.
let interrupted = false;
for (const signal of endingSignals) process.on(signal, () => (interrupted = true));

forgetReports();
heading("Starting the brokers");
const brokers = await OwnBrokers.prepare();
const tallies: Tally[] = [];
try {
  const outcomes = await brokers.up();
  for (const { problem } of outcomes) {
    if (problem === null) continue;
    tallies.push({ passed: 0, failed: 1 });
    console.error(`  ${problem.message}${problem.remedy === null ? "" : ` (${problem.remedy})`}`);
    if (problem.log !== null) console.error(problem.log);
  }
  const list = brokerList(outcomes.map(({ status }) => status));
  console.log(list);

  if (!interrupted) {
    heading("Tests that need no broker");
    tallies.push(await runVitest({ name: "unit", args: [], reporter: "default" }));
  }
  if (!interrupted) {
    heading("Tests on every broker");
    const env = { ...brokers.environment, [mayKillVariable]: "1" };
    tallies.push(await runVitest({ name: "brokers", args: onBrokers, reporter: "verbose", env }));
  }

  heading("Conformance");
  const reports = savedReports();
  console.log(conformanceTable(reports));
  for (const { folder } of packages.filter(({ isAdapter }) => isAdapter)) {
    if (reports.some(({ adapter }) => adapter === folder)) continue;
    tallies.push({ passed: 0, failed: 1 });
    console.error(`  ${folder}: the suite left no report, so nothing is proven.`);
  }

  heading("Brokers used");
  console.log(list);
} finally {
  heading("Taking the brokers down");
  await brokers.down();
}

const total = addUp(tallies);
writeTally("test-all", total);
console.log(`\n${inWords(total)}`);
process.exitCode = total.failed === 0 && !interrupted ? 0 : 1;
