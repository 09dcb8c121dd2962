import type { Case } from "../case.ts";

/** Every case, in the order in which they are reported. Each chapter file exports its cases. */
export const allCases: readonly Case[] = [];
