import { join } from "node:path";
import { read, root } from "../workspace.ts";
import type { Step } from "./step.ts";

const path = ".size-limit.js";
/** What each limit's reasons begin with. */
const titles: Readonly<Record<string, string>> = {
  core: "@waybill/core, everything",
  spi: "@waybill/core/spi, everything",
};

export const reasons: Step = {
  title: "Size of core: the reasons add up to the limits",
  run: async () => {
    const { default: limits }: { default: readonly SizeLimit[] } = await import(join(root, path));
    return reasonProblems(read(path), limits);
  },
};

export interface SizeLimit {
  readonly name: string;
  /** Such as `9.6 kB`. */
  readonly limit: string;
}

/** Which of these limits are not the sum of what the comment above them says the bytes are for. */
export function reasonProblems(comment: string, limits: readonly SizeLimit[]): readonly string[] {
  const sums = new Map<string, number>();
  let section = "";
  for (const [, title, first, more] of comment.matchAll(
    /^\/\/ +(?:(\w+) +(\d+(?:\.\d+)?) kB|\+(\d+(?:\.\d+)?)) +\S/gm,
  )) {
    section = title ?? section;
    sums.set(section, (sums.get(section) ?? 0) + Number(first ?? more));
  }
  const problems: string[] = [];
  for (const [title, name] of Object.entries(titles)) {
    const limit = limits.find((each) => each.name === name)?.limit;
    const sum = sums.get(title);
    // Tenths, since sums of fractions are not exact.
    if (
      sum === undefined ||
      limit === undefined ||
      Math.round(sum * 10) !== Math.round(Number.parseFloat(limit) * 10)
    )
      problems.push(
        `${path}: the reasons of ${title} add up to ${sum?.toFixed(1) ?? "nothing"} kB, and its limit is ${limit}`,
      );
  }
  return problems;
}
