import { folderOf, lockOf } from "./home.ts";
import { readInstance, writeInstance } from "./instance.ts";
import type { BrokerName } from "./names.ts";
import { portHolder } from "./network/port-holder.ts";
import { probeHere } from "./probe-here.ts";
import { BrokerProblem } from "./problem.ts";
import { withLock } from "./process/lock.ts";
import { Progress } from "./progress.ts";
import { untilReady } from "./ready.ts";
import { recipes } from "./registry.ts";
import { portVariable, type Settings } from "./settings.ts";
import { startFresh } from "./start-fresh.ts";
import { startedFrom } from "./started/from-instance.ts";

/**
 * Sees to it that a broker answers on its port: the one started earlier, the one that listens there, or a new one.
 *
 * @throws BrokerProblem
 */
export function startHere(name: BrokerName, settings: Settings): Promise<void> {
  const progress = new Progress(name, settings.progress);
  return withLock(
    lockOf(settings.home, name),
    async () => {
      if (await startedEarlier(name, settings, progress)) return;
      if (await alreadyListens(name, settings, progress)) return;
      await startFresh(name, settings, progress);
      await waitAndRecord(name, settings, progress);
    },
    (holder) => progress.say(`waiting for ${holder}, which works on it`),
  );
}

async function startedEarlier(name: BrokerName, settings: Settings, progress: Progress): Promise<boolean> {
  const instance = readInstance(settings.home, name);
  if (instance === null) return false;
  const asked = settings.askedPort(name);
  if (asked !== null && asked !== instance.port) {
    throw new BrokerProblem(`${recipes[name].title} was started on port ${instance.port}, not ${asked}`, {
      broker: name,
      remedy: `to move it, \`waybill brokers down ${name}\` first; its data goes with it`,
    });
  }
  const started = startedFrom(instance, settings);
  const running = await started.isRunning();
  if (!running && !instance.ready) {
    await started.remove();
    return false;
  }
  if (!running) {
    progress.say("it has ended since it was started; starting it again with its data");
    await started.start();
  }
  await waitAndRecord(name, settings, progress);
  return true;
}

async function alreadyListens(name: BrokerName, settings: Settings, progress: Progress): Promise<boolean> {
  const recipe = recipes[name];
  const port = settings.port(name);
  const probe = await probeHere(recipe, port);
  if (probe.kind === "absent") return false;
  const holder = portHolder(port) ?? "another program";
  if (probe.kind === "other") {
    throw new BrokerProblem(
      `port ${port} is taken by ${holder}, which is no ${recipe.title}: ${probe.reason}`,
      {
        broker: name,
        remedy: `choose another port: \`--port ${name}=<port>\` or ${portVariable(name)}`,
      },
    );
  }
  progress.say(`using what listens on port ${port}: ${holder}`);
  return true;
}

async function waitAndRecord(name: BrokerName, settings: Settings, progress: Progress): Promise<void> {
  const instance = readInstance(settings.home, name);
  if (instance === null) throw new BrokerProblem(`the record in ${folderOf(settings.home, name)} is gone`);
  const started = startedFrom(instance, settings);
  try {
    await untilReady(recipes[name], started, instance.port, settings.startTimeoutMs);
  } catch (error) {
    // One that never answered is of no use. Its folder stays, so that its logs can be read, until the next start.
    if (!instance.ready) await started.remove();
    throw error;
  }
  writeInstance(settings.home, { ...instance, ready: true });
  progress.say(`up on port ${instance.port}`);
}
