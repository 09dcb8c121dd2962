import { parseArgs } from "node:util";
import { readConfigFile } from "./config-file.ts";
import { startEmulator } from "./emulator.ts";
import { type EmulatorOptions, ROOT_KEY_NAME } from "./options.ts";

/** The port and the key that Microsoft's emulator has too, so that its connection strings work here. */
const DEFAULT_PORT = 5672;
const DEFAULT_KEY = "SAS_KEY_VALUE";

const HELP = `Usage: event-hubs-emulator [options]

An Azure Event Hubs namespace on this computer: AMQP 1.0 and the HTTP management API on one port.

  --host <address>   listen here (default 127.0.0.1)
  --port <number>    listen on this port (default ${DEFAULT_PORT}; 0 takes a free one)
  --data <folder>    keep hubs and events in this folder; without it they end with the process
  --fsync            confirm events only when they are on the disk itself (needs --data)
  --memory <MiB>     keep this much of events in memory (default 256); without --data the oldest
                     beyond it are lost
  --config <file>    make the hubs of this JSON file (UserConfig.NamespaceConfig[].Entities[])
  --key-name <name>  name of the shared access key (default ${ROOT_KEY_NAME})
  --key <secret>     the shared access key (default: EVENT_HUBS_EMULATOR_KEY, or ${DEFAULT_KEY}
                     while listening on this computer only)
  --help             say this

It prints one line when it listens, and ends on SIGTERM or SIGINT.
`;

/** Runs the emulator as a program; resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const options = optionsFrom(argv);
    if (options === undefined) {
      process.stdout.write(HELP);
      return 0;
    }
    const emulator = await startEmulator(options);
    process.stdout.write(`Event Hubs emulator listening on ${emulator.host}:${emulator.port}\n`);
    await toldToStop();
    await emulator.close();
    return 0;
  } catch (error) {
    process.stderr.write(`event-hubs-emulator: ${explain(error)}\n`);
    return 1;
  }
}

function optionsFrom(argv: readonly string[]): EmulatorOptions | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: String(DEFAULT_PORT) },
      data: { type: "string" },
      fsync: { type: "boolean", default: false },
      memory: { type: "string", default: "256" },
      config: { type: "string" },
      "key-name": { type: "string", default: ROOT_KEY_NAME },
      key: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const { host, data, fsync, config } = values;
  if (fsync && data === undefined) throw new Error("--fsync needs --data");
  return {
    host,
    port: numberFrom("--port", values.port, 65_535),
    keys: [{ name: values["key-name"], key: keyFrom(values.key, host) }],
    fsync,
    memory: numberFrom("--memory", values.memory, 1_000_000) * 1024 * 1024,
    hubs: config === undefined ? [] : readConfigFile(config),
    ...(data === undefined ? {} : { data }),
  };
}

function numberFrom(option: string, text: string, max: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > max)
    throw new Error(`${option} must be a number from 0 to ${max}, not '${text}'`);
  return number;
}

function keyFrom(given: string | undefined, host: string): string {
  const key = given ?? process.env.EVENT_HUBS_EMULATOR_KEY;
  if (key !== undefined && key !== "") return key;
  if (host === "localhost" || host === "::1" || host.startsWith("127.")) return DEFAULT_KEY;
  throw new Error(
    "A key of your own is needed (--key or EVENT_HUBS_EMULATOR_KEY) to listen to other computers",
  );
}

function toldToStop(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}

function explain(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") return `The port is in use (${message}). Name another with --port.`;
  return message;
}
