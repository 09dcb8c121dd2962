import { MessagingError } from "../errors/messaging-error.ts";
import { shown } from "../errors/shown.ts";
import type { Driver } from "../spi/driver.ts";

/** The version of the driver interface that this package speaks. */
const specVersion = "1";

/**
 * Refuses, before any I/O, what is no driver or one of another version.
 * @throws MessagingError `INVALID_ARGUMENT`
 */
export function checkDriver(driver: unknown): asserts driver is Driver {
  const given = (typeof driver === "object" && driver !== null ? driver : {}) as Partial<Driver>;
  const version: unknown = given.specVersion;
  if (version !== undefined && version !== specVersion) {
    throw new MessagingError(
      "INVALID_ARGUMENT",
      `The driver ${shown(given.name)} implements version ${shown(version)} of the driver interface, and this @waybill/core takes version "${specVersion}".`,
      {
        remedy: "Install versions of the adapter and of @waybill/core that belong together.",
        details: { driver: shown(given.name), driverVersion: shown(version), coreVersion: specVersion },
      },
    );
  }
  const isDriver =
    version === specVersion &&
    typeof given.name === "string" &&
    typeof given.connect === "function" &&
    typeof given.classify === "function" &&
    typeof given.naming?.toBrokerName === "function" &&
    typeof given.capabilities?.features === "object";
  if (isDriver) return;
  throw new MessagingError("INVALID_ARGUMENT", "This driver lacks a part that every driver has.", {
    remedy: "Pass what an adapter's function returned, such as memory().",
  });
}
