import { bringUp } from "@waybill/local-brokers";
import type { Command } from "../command.ts";
import { UsageError } from "../usage-error.ts";
import { namesHelp, parseBrokersArguments, sharedHelp } from "./brokers-arguments.ts";
import { problemText } from "./brokers-problem.ts";
import { progressTo } from "./brokers-progress.ts";
import { json, table } from "./brokers-table.ts";

const help = `Starts brokers, or finds the ones that run, and prints how to reach them.

Usage: waybill brokers up [names…] [flags]

${namesHelp}
Used, in this order: what WAYBILL_KAFKA_URL, WAYBILL_SNS_SQS_URL and so on name; what listens on the port already; a
container engine where one runs; else plain processes, whose programs are downloaded once. Cloud services run as
emulators: SNS and SQS as fauxqs, Google Pub/Sub as Google's emulator or pstest, Event Hubs as Waybill's own emulator.
Brokers started here go on running until \`waybill brokers down\`.

Flags:
${sharedHelp}
  --using <how>         container or native, for what has to be started; default as above
  --json                print the statuses as JSON

Exit code: 0 if every broker is up, 1 if one is not.
`;

export const brokersUp: Command = {
  help,
  async run(args, terminal) {
    const flags = { using: { type: "string" }, json: { type: "boolean" } } as const;
    const { names, values, options } = parseBrokersArguments(args, flags);
    const outcomes = await bringUp(names, {
      ...options,
      using: startMethod(values.using),
      environment: terminal.environment,
      progress: progressTo(terminal),
    });
    const statuses = outcomes.map(({ status }) => status);
    terminal.out(values.json === true ? json(statuses) : table(statuses));
    const problems = outcomes.flatMap(({ problem }) => problem ?? []);
    for (const problem of problems) terminal.err(`\n${problemText(problem)}`);
    return problems.length === 0 ? 0 : 1;
  },
};

function startMethod(word: string | undefined): "container" | "native" | undefined {
  if (word === undefined || word === "container" || word === "native") return word;
  throw new UsageError(`--using was given "${word}". Write container or native.`);
}
