import { BrokerProblem } from "@waybill/local-brokers";
import type { Command } from "../command.ts";

/** A problem for people: what is wrong, what the log says, what to do. */
export function problemText(problem: BrokerProblem): string {
  const prefix = problem.broker === null ? "" : `${problem.broker}: `;
  const log = problem.log === null ? "" : `\n${problem.log.replace(/^/gm, "    ")}`;
  const remedy = problem.remedy === null ? "" : `\n  ${problem.remedy}`;
  return `${prefix}${problem.message}${log}${remedy}\n`;
}

/** The command, with a problem printed in full instead of thrown. */
export function reportingProblems(command: Command): Command {
  return {
    help: command.help,
    async run(args, terminal) {
      try {
        return await command.run(args, terminal);
      } catch (error) {
        if (!(error instanceof BrokerProblem)) throw error;
        terminal.err(problemText(error));
        return 1;
      }
    },
  };
}
