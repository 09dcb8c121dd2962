import type { ConformanceTarget } from "./target.ts";

/** What a case may need of its target beyond a driver. */
export type Part = "endpoint" | "refused" | "externalClient" | "broker" | "crash" | "url" | "shortLease";

const given: Readonly<Record<Part, (target: ConformanceTarget) => boolean>> = {
  endpoint: (target) => target.endpoint !== undefined,
  refused: (target) => target.refused !== undefined,
  externalClient: (target) => target.externalClient !== undefined,
  broker: (target) => target.broker !== undefined,
  url: (target) => target.url !== undefined,
  shortLease: (target) => target.shortLease !== undefined,
  // With an endpoint, a proxy in between that goes away is as good as a dead process.
  crash: (target) => target.crash !== undefined || target.endpoint !== undefined,
};

/** The first of these parts that the target does not give. */
export function missingPart(target: ConformanceTarget, parts: readonly Part[]): Part | undefined {
  return parts.find((part) => !given[part](target));
}

/** What a case that named this part gets to work with. */
export function part<P extends Part>(target: ConformanceTarget, name: P): NonNullable<ConformanceTarget[P]> {
  const value = target[name];
  if (value === undefined) throw new Error(`This case should have named the part "${name}".`);
  return value as NonNullable<ConformanceTarget[P]>;
}
