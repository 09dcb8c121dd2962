import { UnsupportedError } from "../errors/messaging-error.ts";
import type { Feature } from "../spi/capabilities.ts";
import type { Driver } from "../spi/driver.ts";

/**
 * Refuses what this broker cannot do, before any I/O.
 * @throws UnsupportedError
 */
export function requireFeature(driver: Driver, feature: Feature, what: string, remedy: string): void {
  if (driver.capabilities.features[feature] === undefined)
    throw new UnsupportedError(what, driver.name, remedy);
}
