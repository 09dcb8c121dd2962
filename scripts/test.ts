// `npm test`: all that needs no broker, then the conformance suite and the examples on every broker that runs.
import { type BrokerName, brokerNames, statusOf } from "@waybill/local-brokers";
import { addUp, inWords } from "./tally.ts";
import { brokerList } from "./testing/broker-list.ts";
import { conformanceTable } from "./testing/conformance-table.ts";
import { printFailures } from "./testing/failures.ts";
import { heading } from "./testing/heading.ts";
import { runLimit } from "./testing/run-limit.ts";
import { forgetReports, savedReports } from "./testing/saved-reports.ts";
import { processCount, testBrokers } from "./testing/side-by-side.ts";
import { runVitest, type VitestResult } from "./testing/vitest.ts";

const signal = runLimit(120);
const processes = processCount(process.env);
forgetReports();
heading("Tests that need no broker");
const results: VitestResult[] = [await runVitest({ name: "unit", args: [], reporter: "default", signal })];

heading("Brokers");
const brokers = await statusOf(brokerNames);
const found = brokers.filter(({ state }) => state === "up").map(({ name }) => name);
const missing = brokerNames.filter((name) => !found.includes(name));
console.log(brokerList(brokers));

if (found.length > 0) {
  const only = ({ broker }: { broker: BrokerName | undefined }) =>
    broker === undefined || found.includes(broker);
  results.push(...(await testBrokers({ env: process.env, signal, processes, only })));
}
printFailures(results);

heading("Conformance");
console.log(conformanceTable(savedReports()));

const total = addUp(results);
console.log(`\n${inWords(total)}`);
if (missing.length > 0) {
  console.log(
    `Not tested, since it does not run: ${missing.join(", ")}. \`npx waybill brokers up\` starts it.`,
  );
}
process.exit(total.failed === 0 && !signal.aborted ? 0 : 1);
