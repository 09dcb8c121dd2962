import { mkdirSync, rmSync } from "node:fs";
import { composeFor } from "./container/compose.ts";
import { findEngine } from "./container/engine.ts";
import { folderOf } from "./home.ts";
import { type StartedProcess, writeInstance } from "./instance.ts";
import type { BrokerName } from "./names.ts";
import { BrokerProblem } from "./problem.ts";
import { launch, type ProcessPlan } from "./process/launch.ts";
import { killAndWait } from "./process/signal.ts";
import { untilListening } from "./process/until-listening.ts";
import type { Progress } from "./progress.ts";
import { recipes } from "./registry.ts";
import type { Settings } from "./settings.ts";
import { containerBroker } from "./started/container.ts";

/** Starts a broker with no data, in a container or natively, and records it; does not wait until it answers. */
export async function startFresh(name: BrokerName, settings: Settings, progress: Progress): Promise<void> {
  const folder = folderOf(settings.home, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    const version = recipes[name].imageVersion(settings.environment);
    if (settings.using === "native" || version === null) {
      return await startNative(name, folder, settings, progress);
    }
    const engine = await findEngine(settings.environment);
    if (engine !== null) return await startContainer(name, version, engine, settings, progress);
    if (settings.using !== "container") return await startNative(name, folder, settings, progress);
    throw new BrokerProblem("no container engine with compose runs here", {
      broker: name,
      remedy: "start one, or leave `--using container` away",
    });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function startContainer(
  name: BrokerName,
  version: string,
  engine: string,
  settings: Settings,
  progress: Progress,
) {
  const port = settings.port(name);
  const compose = composeFor(engine, name, port, settings);
  await progress.during(`starting a container with ${recipes[name].title} ${version}`, async () => {
    try {
      await compose("up", "--detach", "--no-deps", name);
    } catch (error) {
      await containerBroker(compose).remove();
      throw error;
    }
  });
  writeInstance(settings.home, { format: 1, name, port, version, ready: false, how: "container", engine });
}

async function startNative(name: BrokerName, folder: string, settings: Settings, progress: Progress) {
  const { downloads, environment } = settings;
  const port = settings.port(name);
  const plan = await recipes[name].prepareNative({ port, folder, downloads, environment, progress });
  progress.say(`starting ${recipes[name].title} ${plan.version} on port ${port}`);
  const running: StartedProcess[] = [];
  const start = async (process: ProcessPlan) => {
    const started = { plan: process, identity: await launch(process) };
    running.push(started);
    return started;
  };
  try {
    const companions = [];
    for (const companion of plan.companions) {
      companions.push(await start(companion));
      await untilListening(companion);
    }
    const broker = await start(plan.broker);
    const { version, url, credentials } = plan;
    writeInstance(settings.home, {
      format: 1,
      name,
      port,
      version,
      ready: false,
      how: "native",
      ...(url === undefined ? {} : { url }),
      companions,
      broker,
      credentials,
    });
  } catch (error) {
    for (const { identity } of running) await killAndWait(identity);
    throw error;
  }
}
