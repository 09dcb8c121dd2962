// `npm test`: all that needs no broker, then the conformance suite and the examples on every broker that runs.
import { brokerNames, statusOf } from "@waybill/local-brokers";
import { addUp, inWords } from "./tally.ts";
import { brokerList } from "./testing/broker-list.ts";
import { forgetReports, savedReports } from "./testing/conformance.ts";
import { conformanceTable } from "./testing/conformance-table.ts";
import { heading } from "./testing/heading.ts";
import { onBrokers, runVitest } from "./testing/vitest.ts";

forgetReports();
heading("Tests that need no broker");
const tallies = [await runVitest({ name: "unit", args: [], reporter: "default" })];

heading("Brokers");
const brokers = await statusOf(brokerNames);
const found = brokers.filter(({ state }) => state === "up");
const missing = brokers.filter(({ state }) => state !== "up").map(({ name }) => name);
console.log(brokerList(brokers));

if (found.length > 0) {
  heading(`Tests on ${found.map(({ name }) => name).join(", ")}`);
  tallies.push(await runVitest({ name: "brokers", args: onBrokers, reporter: "verbose" }));
}

heading("Conformance");
console.log(conformanceTable(savedReports()));

const total = addUp(tallies);
console.log(`\n${inWords(total)}`);
if (missing.length > 0) {
  console.log(
    `Not tested, since it does not run: ${missing.join(", ")}. \`npx waybill brokers up\` starts it.`,
  );
}
process.exitCode = total.failed === 0 ? 0 : 1;
