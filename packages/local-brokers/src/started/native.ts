import { readFileSync } from "node:fs";
import { type NativeInstance, type StartedProcess, writeInstance } from "../instance.ts";
import { isAlive } from "../process/identity.ts";
import { launch } from "../process/launch.ts";
import { lastLines } from "../process/run.ts";
import { killAndWait, signal } from "../process/signal.ts";
import { untilListening } from "../process/until-listening.ts";
import type { Started } from "./started.ts";

/** A broker that runs as plain processes. */
export function nativeBroker(home: string, instance: NativeInstance): Started {
  const { broker, companions } = instance;
  return {
    isRunning: async () => isAlive(broker.identity),
    log: async () => logOf(broker),
    kill: () => killAndWait(broker.identity),
    async start() {
      const restarted = [];
      for (const companion of companions) {
        restarted.push(await restart(companion));
        await untilListening(companion.plan);
      }
      writeInstance(home, { ...instance, companions: restarted, broker: await restart(broker) });
    },
    async pause() {
      signal(broker.identity, "SIGSTOP");
    },
    async resume() {
      signal(broker.identity, "SIGCONT");
    },
    async remove() {
      for (const { identity } of [broker, ...companions]) await killAndWait(identity);
    },
  };
}

async function restart<P extends StartedProcess>(process: P): Promise<P> {
  return isAlive(process.identity) ? process : { ...process, identity: await launch(process.plan) };
}

function logOf({ plan }: StartedProcess): string {
  try {
    return `${plan.log}:\n${lastLines(readFileSync(plan.log, "utf8"))}`;
  } catch {
    return `${plan.log} does not exist`;
  }
}
