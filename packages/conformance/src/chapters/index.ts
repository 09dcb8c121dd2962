import type { Case } from "../case.ts";
import { refusals } from "./refusals.ts";

/** Every case, in the order in which they are reported. Each chapter is a file and exports its cases. */
export const allCases: readonly Case[] = [...refusals];
