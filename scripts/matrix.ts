// `npm run matrix`: writes the page that compares the adapters, from the reports that `npm run test:all` left.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { matrixOf } from "@waybill/conformance";
import { savedReports } from "./testing/saved-reports.ts";
import { packages, root } from "./workspace.ts";

const page = "docs/adapters/matrix.md";
const introduction = `# The adapters compared

Written by \`npm run matrix\` from the reports of a run of \`npm run test:all\`, never by hand. Kafka, RabbitMQ and Redis are
the real ones; of the three clouds, [emulators](README.md#what-the-clouds-are-proven-on) were tested.`;

const reports = savedReports().filter(({ adapter }) => packages.some(({ folder }) => folder === adapter));
const missing = packages.filter(
  ({ folder, isAdapter }) => isAdapter && !reports.some(({ adapter }) => adapter === folder),
);
if (missing.length > 0) {
  console.error(
    `There is no report on ${missing.map(({ folder }) => folder).join(", ")}: npm run test:all first.`,
  );
  process.exitCode = 1;
} else {
  writeFileSync(join(root, page), `${introduction}\n\n${matrixOf(reports)}`);
  console.log(`${page} is written.`);
}
