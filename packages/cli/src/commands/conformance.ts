import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type CaseResult, type ConformanceTarget, type Report, runCases } from "@waybill/conformance";
import { connect, MessagingError } from "@waybill/core";
import type { Command } from "../command.ts";
import { UsageError } from "../usage-error.ts";
import { conformanceLine, conformanceSummary } from "./conformance-table.ts";
import { targetOf } from "./conformance-target.ts";

const help = `Runs the conformance suite against a broker and prints what holds and what does not.

Usage: waybill conformance <url> [flags]

<url> is what \`connect\` takes: memory:, kafka://host:9092, amqp://host, aws://region, …
The suite makes topics, queues and groups with names of its own and takes them away again.

Flags:
  --json <file>     also write the report there, as JSON
  --only <name>     only this case or suite, such as delivery or delivery.one; may be repeated
  --parallel <n>    how many cases run at once (default 4)
  --stress <n>      run so many copies of every case at once (default 1)
  --may-kill        also run the cases that SIGKILL the broker: only for one that
                    \`waybill brokers up\` started here; its other clients are cut off too

Exit code: 0 when nothing failed, 1 otherwise, also when the broker cannot be reached.
`;

export const conformance: Command = {
  help,
  async run(args, terminal) {
    const { url, values } = parse(args);
    const target = await targetOf(url, { mayKill: values["may-kill"] });
    const problem = await unreachable(target);
    if (problem !== undefined) {
      terminal.err(`${problem.message}\nNo case was run.\n`);
      return 1;
    }
    const stop = new AbortController();
    const onInterrupt = () => stop.abort();
    process.once("SIGINT", onInterrupt);
    let report: Report;
    try {
      report = await runCases(target, {
        parallel: count("--parallel", values.parallel),
        stress: count("--stress", values.stress),
        ...(values.only.length === 0 ? {} : { filter: values.only }),
        onResult: (result: CaseResult) => terminal.err(conformanceLine(result)),
        signal: stop.signal,
      });
    } finally {
      process.off("SIGINT", onInterrupt);
    }
    if (report.cases.length === 0 && !stop.signal.aborted) {
      throw new UsageError(
        `No case or suite is named ${values.only.join(" or ")}. Leave out --only to see their names.`,
      );
    }
    if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
    terminal.out(conformanceSummary(report));
    return report.totals.failed === 0 && !stop.signal.aborted ? 0 : 1;
  },
};

/** Asked once before all cases, each of which would wait for its own connection in vain. */
async function unreachable(target: ConformanceTarget): Promise<MessagingError | undefined> {
  try {
    const client = await connect(target.driver(), { topology: "assume", logger: false });
    await client.close();
    return undefined;
  } catch (error) {
    if (MessagingError.isInstance(error)) return error;
    throw error;
  }
}

function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "string" },
        only: { type: "string", multiple: true, default: [] },
        parallel: { type: "string", default: "4" },
        stress: { type: "string", default: "1" },
        "may-kill": { type: "boolean", default: false },
      },
    });
    const [url, ...more] = positionals;
    if (url === undefined || more.length > 0)
      throw new UsageError(
        `waybill conformance was given ${positionals.length} URLs. Give one, such as memory:`,
      );
    return { url, values };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function count(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new UsageError(`${flag} was given "${text}". Write a whole number of at least 1.`);
}
