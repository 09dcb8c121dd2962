import { findOnPath } from "../process/on-path.ts";
import { runAnyway } from "../process/run.ts";

const engines = ["docker", "podman"];

/** The command of a container engine that runs and has compose, or null. */
export async function findEngine(environment: NodeJS.ProcessEnv): Promise<string | null> {
  for (const engine of engines) {
    const command = findOnPath(engine, environment);
    if (command === null) continue;
    // Both commands may be installed without an engine that runs.
    const answers = await Promise.all([
      runAnyway(command, ["info"], { env: environment }),
      runAnyway(command, ["compose", "version"], { env: environment }),
    ]);
    if (answers.every(({ code }) => code === 0)) return command;
  }
  return null;
}
