import { closingSaboteurs } from "./closing.ts";
import type { FaultyDriver } from "./faulty-driver.ts";
import { publishingSaboteurs } from "./publishing.ts";
import { receivingSaboteurs } from "./receiving.ts";
import { settlingSaboteurs } from "./settling.ts";

export { type FaultyDriver, sabotaged } from "./faulty-driver.ts";

/** All of them. */
export const faultyDrivers: readonly FaultyDriver[] = [
  ...publishingSaboteurs,
  ...receivingSaboteurs,
  ...settlingSaboteurs,
  ...closingSaboteurs,
];
