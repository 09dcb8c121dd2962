import { chooseAmong } from "./choose.ts";
import type { Terminal } from "./command.ts";
import { commands } from "./commands/index.ts";
import { UsageError } from "./usage-error.ts";

const waybill = chooseAmong("waybill", "Waybill: one messaging contract, any broker.", commands);

const processTerminal: Terminal = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  environment: process.env,
};

/** Runs `waybill` with these arguments; resolves to its exit code: 0 done, 1 not done, 2 a usage error. */
export async function main(args: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  try {
    return await waybill.run(args, terminal);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.err(`${error.message}\n\`waybill --help\` and \`waybill <command> --help\` show more.\n`);
    return 2;
  }
}
