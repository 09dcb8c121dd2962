import type { Command, CommandEntry, Terminal } from "./command.ts";
import { UsageError } from "./usage-error.ts";

const wantsHelp = (word: string | undefined) => word === "--help" || word === "-h" || word === "help";

/** A command that only chooses among others, such as `waybill` itself and `waybill brokers`. */
export function chooseAmong(path: string, about: string, entries: readonly CommandEntry[]): Command {
  const width = Math.max(...entries.map(({ name }) => name.length));
  const list = entries.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join("\n");
  const help = `${about}\n\nUsage: ${path} <command>\n\nCommands:\n${list}\n\n\`${path} <command> --help\` shows more.\n`;
  return {
    help,
    choosesAmongOthers: true,
    async run([word, ...rest]: readonly string[], terminal: Terminal) {
      if (wantsHelp(word)) {
        terminal.out(help);
        return 0;
      }
      const known = entries.map(({ name }) => name).join(", ");
      if (word === undefined)
        throw new UsageError(`${path} was called without a command. Choose one of: ${known}.`);
      const entry = entries.find(({ name }) => name === word);
      if (entry === undefined)
        throw new UsageError(`${path} has no command "${word}". Choose one of: ${known}.`);
      const command = await entry.load();
      const asksForHelp = rest.includes("--help") || rest.includes("-h");
      if (command.choosesAmongOthers === true || !asksForHelp) return command.run(rest, terminal);
      terminal.out(command.help);
      return 0;
    },
  };
}
