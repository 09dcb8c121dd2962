import { statusOf } from "@waybill/local-brokers";
import type { Command } from "../command.ts";
import { namesHelp, parseBrokersArguments, sharedHelp } from "./brokers-arguments.ts";
import { json, table } from "./brokers-table.ts";

const help = `Shows which brokers there are, in which version, where they come from and how to reach them.

Usage: waybill brokers status [names…] [flags]

${namesHelp}

Flags:
${sharedHelp}
  --json                print an array of { name, state, url, version, how };
                        the URLs are whole, with the passwords the environment gave them

State: up, starting, failed (its process is gone, or the environment names one that does not answer), down.
`;

export const brokersStatus: Command = {
  help,
  async run(args, terminal) {
    const { names, values, options } = parseBrokersArguments(args, { json: { type: "boolean" } });
    const statuses = await statusOf(names, { ...options, environment: terminal.environment });
    terminal.out(values.json === true ? json(statuses) : table(statuses));
    return 0;
  },
};
