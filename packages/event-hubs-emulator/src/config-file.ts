import { readFileSync } from "node:fs";
import type { HubOptions } from "./options.ts";

const DAY_MS = 86_400_000;

/** A configuration that cannot be used. */
class ConfigError extends Error {
  override name = "ConfigError";
}

/**
 * Reads hubs from a JSON file. Its fields are those of Microsoft's emulator —
 * `UserConfig.NamespaceConfig[].Entities[]` with `Name`, `PartitionCount` and
 * `ConsumerGroups[].Name` — and `MessageRetentionInDays` besides.
 */
export function readConfigFile(path: string): HubOptions[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ConfigError(`${path} cannot be read: ${(error as Error).message}`);
  }
  const namespaces = list(
    field(field(content, "UserConfig"), "NamespaceConfig"),
    "UserConfig.NamespaceConfig",
  );
  return namespaces.flatMap((namespace) => list(field(namespace, "Entities"), "Entities")).map(readHub);
}

function readHub(entity: unknown): HubOptions {
  const name = text(field(entity, "Name"), "Name");
  const groups = field(entity, "ConsumerGroups") ?? [];
  const partitionCount = number(field(entity, "PartitionCount"), `PartitionCount of ${name}`);
  const days = number(field(entity, "MessageRetentionInDays"), `MessageRetentionInDays of ${name}`);
  return {
    name,
    consumerGroups: list(groups, `ConsumerGroups of ${name}`).map((group) =>
      text(field(group, "Name"), "Name"),
    ),
    ...(partitionCount === undefined ? {} : { partitionCount }),
    ...(days === undefined ? {} : { retentionMs: days * DAY_MS }),
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function list(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw new ConfigError(`${name} must be a list`);
  return value;
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string" || value === "") throw new ConfigError(`${name} must be a text`);
  return value;
}

/** Microsoft's emulator has its numbers as text; both are taken. */
function number(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  const result = typeof value === "string" ? Number(value) : value;
  if (typeof result !== "number" || !(result > 0)) throw new ConfigError(`${name} must be a number above 0`);
  return result;
}
