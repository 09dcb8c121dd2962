import { readInstance, urlOf } from "./instance.ts";
import type { BrokerName } from "./names.ts";
import type { Probe } from "./network/probe.ts";
import { probeHere, probeTimeoutMs } from "./probe-here.ts";
import { recipes } from "./registry.ts";
import { type BrokersOptions, type Settings, settingsOf } from "./settings.ts";
import { startedFrom } from "./started/from-instance.ts";
import type { BrokerState, BrokerStatus } from "./status.ts";

/** How these brokers are now. Starts and changes nothing. */
export function statusOf(
  names: readonly BrokerName[],
  options: BrokersOptions = {},
): Promise<BrokerStatus[]> {
  const settings = settingsOf(options);
  return Promise.all(names.map((name) => currentStatus(name, settings)));
}

/** As `statusOf`, with the settings already made. */
export async function currentStatus(name: BrokerName, settings: Settings): Promise<BrokerStatus> {
  return (
    (await statusFromEnvironment(name, settings)) ??
    (await statusOfStarted(name, settings)) ??
    (await statusOfListening(name, settings))
  );
}

async function statusFromEnvironment(name: BrokerName, settings: Settings): Promise<BrokerStatus | null> {
  const url = settings.urlFromEnvironment(name);
  if (url === null) return null;
  const endpoint = recipes[name].endpoint(url);
  const probe = endpoint === null ? null : await recipes[name].probe(endpoint, probeTimeoutMs);
  const state = probe?.kind === "speaks" ? stateOfSpeaking(probe.ready) : "failed";
  return { name, state, url, version: versionOf(probe), how: "environment" };
}

async function statusOfStarted(name: BrokerName, settings: Settings): Promise<BrokerStatus | null> {
  const instance = readInstance(settings.home, name);
  if (instance === null) return null;
  const recipe = recipes[name];
  const base = { name, url: urlOf(instance), version: instance.version, how: instance.how };
  if (!(await startedFrom(instance, settings).isRunning())) return { ...base, state: "failed" };
  const probe = await probeHere(recipe, instance.port);
  return { ...base, state: stateOfSpeaking(probe.kind === "speaks" && probe.ready) };
}

async function statusOfListening(name: BrokerName, settings: Settings): Promise<BrokerStatus> {
  const recipe = recipes[name];
  const port = settings.port(name);
  const probe = await probeHere(recipe, port);
  if (probe.kind !== "speaks") return { name, state: "down", url: null, version: null, how: null };
  const found = { url: recipe.url(port), version: probe.version, how: "listening" } as const;
  return { name, state: stateOfSpeaking(probe.ready), ...found };
}

function stateOfSpeaking(ready: boolean): BrokerState {
  return ready ? "up" : "starting";
}

function versionOf(probe: Probe | null): string | null {
  return probe?.kind === "speaks" ? probe.version : null;
}
