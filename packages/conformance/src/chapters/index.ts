import type { Case } from "../case.ts";
import { delivery } from "./delivery.ts";
import { fidelity } from "./fidelity.ts";
import { foreign } from "./foreign.ts";
import { lifecycle } from "./lifecycle.ts";
import { limits } from "./limits.ts";
import { refusals } from "./refusals.ts";

/** Every case, in the order in which they are reported. Each chapter is a file and exports its cases. */
export const allCases: readonly Case[] = [
  ...lifecycle,
  ...delivery,
  ...fidelity,
  ...limits,
  ...foreign,
  ...refusals,
];
