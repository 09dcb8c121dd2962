import type { Driver } from "@waybill/core/spi";
import type { ConformanceTarget } from "../target.ts";

/**
 * A driver with exactly one fault, and the cases that are meant to notice. What tests
 * the suite: a case that no faulty driver can fail proves nothing.
 */
export interface FaultyDriver {
  readonly name: string;
  /** A sentence: what it does wrong. */
  readonly fault: string;
  /** Every one of these fails under it, and passes without it. */
  readonly caughtBy: readonly string[];
  /**
   * How long to wait for what must come, as a share of what the cases say. Default
   * 0.1: what the fault keeps from coming never comes. More where time itself is measured.
   */
  readonly timeoutScale?: number;
  /** The same driver, with the fault. */
  readonly apply: (driver: Driver) => Driver;
}

/** The same target with this fault between core and the driver. */
export function withFault(target: ConformanceTarget, { apply }: FaultyDriver): ConformanceTarget {
  const originals = new WeakMap<Driver, Driver>();
  const faulty = (driver: Driver): Driver => {
    const result = apply(driver);
    originals.set(result, driver);
    return result;
  };
  const { crash, shortLease } = target;
  return {
    ...target,
    driver: (through) => faulty(target.driver(through)),
    ...(shortLease === undefined
      ? {}
      : { shortLease: { ms: shortLease.ms, driver: (through) => faulty(shortLease.driver(through)) } }),
    ...(crash === undefined ? {} : { crash: (driver) => crash(originals.get(driver) ?? driver) }),
    quirks: [],
  };
}
