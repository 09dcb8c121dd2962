import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { folderOf } from "./home.ts";
import type { BrokerName } from "./names.ts";
import type { ProcessIdentity } from "./process/identity.ts";
import type { ProcessPlan } from "./process/launch.ts";
import type { BrokerCredential, CompanionPlan } from "./recipe.ts";
import { recipes } from "./registry.ts";

interface InstanceBase {
  readonly format: 1;
  readonly name: BrokerName;
  readonly port: number;
  readonly version: string;
  /** Whether it has ever answered. One that never did is started from scratch next time. */
  readonly ready: boolean;
}

/** A process that was started, and how to start it again. */
export interface StartedProcess<P extends ProcessPlan = ProcessPlan> {
  readonly plan: P;
  readonly identity: ProcessIdentity;
}

export interface NativeInstance extends InstanceBase {
  readonly how: "native";
  /** What reaches it, where the port alone does not say it all. */
  readonly url?: string;
  readonly companions: readonly StartedProcess<CompanionPlan>[];
  readonly broker: StartedProcess;
  readonly credentials: readonly BrokerCredential[];
}

export interface ContainerInstance extends InstanceBase {
  readonly how: "container";
  /** The engine's command, `docker` or `podman`. */
  readonly engine: string;
}

/** A broker that was started here. On disk from its start until it is taken down. */
export type Instance = NativeInstance | ContainerInstance;

/** What Waybill's `connect` takes to reach it. */
export function urlOf(instance: Instance): string {
  const own = instance.how === "native" ? instance.url : undefined;
  return own ?? recipes[instance.name].url(instance.port);
}

const file = (home: string, name: BrokerName) => join(folderOf(home, name), "instance.json");

/** The record of the broker started in this home, or null. */
export function readInstance(home: string, name: BrokerName): Instance | null {
  try {
    const record = JSON.parse(readFileSync(file(home, name), "utf8")) as Instance;
    return record.format === 1 ? record : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Writes the record; a reader sees the old one or the new one, never half of it. */
export function writeInstance(home: string, instance: Instance): void {
  const target = file(home, instance.name);
  mkdirSync(folderOf(home, instance.name), { recursive: true });
  writeFileSync(`${target}.new`, JSON.stringify(instance, null, 2), { mode: 0o600 });
  renameSync(`${target}.new`, target);
}
