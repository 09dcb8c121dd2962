import { closingFaults } from "./closing.ts";
import type { FaultyDriver } from "./faulty-driver.ts";
import { publishingFaults } from "./publishing.ts";
import { receivingFaults } from "./receiving.ts";
import { settlingFaults } from "./settling.ts";

export { type FaultyDriver, withFault } from "./faulty-driver.ts";

/** All of them. */
export const faultyDrivers: readonly FaultyDriver[] = [
  ...publishingFaults,
  ...receivingFaults,
  ...settlingFaults,
  ...closingFaults,
];
