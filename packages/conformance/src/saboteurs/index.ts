import { closingSaboteurs } from "./closing.ts";
import { publishingSaboteurs } from "./publishing.ts";
import { receivingSaboteurs } from "./receiving.ts";
import type { Saboteur } from "./saboteur.ts";
import { settlingSaboteurs } from "./settling.ts";

export { type Saboteur, sabotaged } from "./saboteur.ts";

/** All of them. */
export const saboteurs: readonly Saboteur[] = [
  ...publishingSaboteurs,
  ...receivingSaboteurs,
  ...settlingSaboteurs,
  ...closingSaboteurs,
];
