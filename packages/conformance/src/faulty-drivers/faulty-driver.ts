import type { Driver } from "@waybill/core/spi";
import type { ConformanceTarget } from "../target.ts";

/**
 * A driver that is wrong in exactly one manner, and the cases that are meant to
 * notice. What tests the suite: a case that no faultyDriver can fail proves nothing.
 */
export interface FaultyDriver {
  readonly name: string;
  /** A sentence: what it does wrong. */
  readonly manner: string;
  /** Every one of these fails under it, and passes without it. */
  readonly caughtBy: readonly string[];
  /**
   * How long to wait for what must come, as a share of what the cases say. Default
   * 0.1: what is sabotaged away never comes. More where time itself is measured.
   */
  readonly patience?: number;
  readonly sabotage: (driver: Driver) => Driver;
}

/** The same target with this faultyDriver between core and the driver. */
export function sabotaged(target: ConformanceTarget, { sabotage }: FaultyDriver): ConformanceTarget {
  const honest = new WeakMap<Driver, Driver>();
  const spoilt = (driver: Driver): Driver => {
    const result = sabotage(driver);
    honest.set(result, driver);
    return result;
  };
  const { crash, shortLease } = target;
  return {
    ...target,
    driver: (through) => spoilt(target.driver(through)),
    ...(shortLease === undefined
      ? {}
      : { shortLease: { ms: shortLease.ms, driver: (through) => spoilt(shortLease.driver(through)) } }),
    ...(crash === undefined ? {} : { crash: (driver) => crash(honest.get(driver) ?? driver) }),
    quirks: [],
  };
}
