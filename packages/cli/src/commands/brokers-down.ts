import { takeDown } from "@waybill/local-brokers";
import type { Command } from "../command.ts";
import { namesHelp, nameWidth, parseBrokersArguments, sharedHelp } from "./brokers-arguments.ts";
import { progressTo } from "./brokers-progress.ts";

const help = `Stops the brokers that \`waybill brokers up\` started, and removes their data. Others are left alone.

Usage: waybill brokers down [names…] [flags]

${namesHelp}

Flags:
${sharedHelp}
  --purge               remove the downloaded programs too
`;

export const brokersDown: Command = {
  help,
  async run(args, terminal) {
    const { names, values, options } = parseBrokersArguments(args, { purge: { type: "boolean" } });
    const outcomes = await takeDown(names, {
      ...options,
      purge: values.purge,
      environment: terminal.environment,
      progress: progressTo(terminal),
    });
    for (const { name, wasStartedHere } of outcomes) {
      terminal.out(
        `${name.padEnd(nameWidth)} ${wasStartedHere ? "down" : "was not started here; nothing to stop"}\n`,
      );
    }
    return 0;
  },
};
