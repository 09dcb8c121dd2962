import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { BrokerName } from "../names.ts";
import { BrokerProblem } from "../problem.ts";
import { run } from "../process/run.ts";
import { portVariable, type Settings } from "../settings.ts";

const composeFile = fileURLToPath(new URL("../../compose.yaml", import.meta.url));

/** Runs compose commands on one service of `compose.yaml`. */
export type Compose = (command: string, ...args: string[]) => Promise<string>;

/**
 * Every broker of every home is a compose project of its own, so that taking one down can remove the whole project,
 * network and volumes included.
 *
 * @throws BrokerProblem with what the engine said
 */
export function composeFor(engine: string, name: BrokerName, port: number, settings: Settings): Compose {
  const homeId = createHash("sha256").update(settings.home).digest("hex").slice(0, 8);
  const project = `waybill-${name}-${homeId}`;
  const env = { ...settings.environment, [portVariable(name)]: String(port) };
  return async (command, ...args) => {
    try {
      const prefix = ["compose", "--file", composeFile, "--project-name", project];
      return await run(engine, [...prefix, command, ...args], { env });
    } catch (cause) {
      if (!(cause instanceof BrokerProblem)) throw cause;
      const remedy = "`--using native` does without the container engine";
      throw new BrokerProblem(cause.message, { broker: name, log: cause.log, remedy, cause });
    }
  };
}
