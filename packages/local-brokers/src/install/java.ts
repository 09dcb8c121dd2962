import { join } from "node:path";
import { BrokerProblem } from "../problem.ts";
import { findOnPath, isExecutable } from "../process/on-path.ts";
import { run } from "../process/run.ts";
import { oldestUsable } from "../versions.ts";

/**
 * The full path of a Java that is new enough: JAVA_HOME's, else the one on PATH.
 *
 * @throws BrokerProblem with the command that gives one
 */
export async function findJava(environment: NodeJS.ProcessEnv): Promise<string> {
  const ofHome = environment.JAVA_HOME ? join(environment.JAVA_HOME, "bin", "java") : null;
  const java = ofHome !== null && isExecutable(ofHome) ? ofHome : findOnPath("java", environment);
  const remedy = `install one: \`apt-get install openjdk-${oldestUsable.java}-jre-headless\` or \`brew install openjdk\``;
  if (java === null)
    throw new BrokerProblem(`Java ${oldestUsable.java} or newer is needed, and there is none`, { remedy });
  const version = javaMajor(await run(java, ["-version"], { env: environment }));
  if (version === null || version < oldestUsable.java) {
    const found = version === null ? "of unknown version" : version;
    throw new BrokerProblem(`Java ${oldestUsable.java} or newer is needed; ${java} is ${found}`, { remedy });
  }
  return java;
}

/** The major version `java -version` tells: 17 for `17.0.15`, 8 for the old form `1.8.0_412`. */
export function javaMajor(text: string): number | null {
  const version = /version "(?:1\.)?(\d+)/.exec(text)?.[1];
  return version === undefined ? null : Number(version);
}
