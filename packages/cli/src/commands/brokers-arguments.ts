import { type ParseArgsConfig, parseArgs } from "node:util";
import { type BrokerName, type BrokersOptions, brokerNames, isBrokerName } from "@waybill/local-brokers";
import { UsageError } from "../usage-error.ts";

/** What all `waybill brokers` commands take. */
const sharedFlags = {
  home: { type: "string" },
  port: { type: "string", multiple: true },
} as const satisfies ParseArgsConfig["options"];

export const sharedHelp = `  --home <folder>       records, data, logs and downloads; default WAYBILL_BROKERS_HOME,
                        else waybill/brokers in the cache folder
  --port <name>=<port>  another port than the usual one, such as kafka=19092; may be repeated;
                        or WAYBILL_KAFKA_PORT, WAYBILL_SNS_SQS_PORT and so on`;

export const namesHelp = `Names: ${brokerNames.join(", ")}. Without a name: all of them.`;

/** Room for the longest name in a column. */
export const nameWidth = Math.max(...brokerNames.map((name) => name.length));

type Flags = NonNullable<ParseArgsConfig["options"]>;

/**
 * Names and flags of a `waybill brokers` command.
 *
 * @param extra the flags that only this command has
 * @throws UsageError naming what is wrong
 */
export function parseBrokersArguments<const F extends Flags>(args: readonly string[], extra: F) {
  const parsed = parse(args, extra);
  const shared = parsed.values as { home?: string; port?: string[] };
  const options: BrokersOptions = { home: shared.home, ports: ports(shared.port ?? []) };
  return { names: names(parsed.positionals), values: parsed.values, options };
}

function parse<const F extends Flags>(args: readonly string[], extra: F) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: { ...sharedFlags, ...extra } });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function names(words: readonly string[]): readonly BrokerName[] {
  const unique = new Set(words.map(knownName));
  return unique.size === 0 ? brokerNames : [...unique];
}

function knownName(word: string): BrokerName {
  if (isBrokerName(word)) return word;
  throw new UsageError(`There is no broker "${word}". Choose from: ${brokerNames.join(", ")}.`);
}

function ports(assignments: readonly string[]): Partial<Record<BrokerName, number>> {
  return Object.fromEntries(
    assignments.map((assignment) => {
      const { name = "", port = "" } = /^(?<name>[^=]*)=(?<port>\d+)$/.exec(assignment)?.groups ?? {};
      if (name === "")
        throw new UsageError(`--port was given "${assignment}". Write <name>=<port>, such as kafka=19092.`);
      return [knownName(name), Number(port)];
    }),
  );
}
