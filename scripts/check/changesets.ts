import { files, packages, read } from "../workspace.ts";
import type { Step } from "./step.ts";

/** Reads the files alone and asks git for nothing, so that it says the same in every kind of checkout. */
export const changesets: Step = {
  title: "Changesets name packages that exist",
  run: async () =>
    files(".changeset/*.md")
      .filter((path) => !path.endsWith("/README.md"))
      .flatMap(problemsOf),
};

function problemsOf(path: string): readonly string[] {
  const header = /^---\n(.*?)^---\n+\S/ms.exec(read(path))?.[1];
  if (header === undefined) return [`${path}: it needs a header between two lines of --- and a sentence`];
  return header.split("\n").flatMap((line) => {
    const [, name, bump] = /^["']?([^"':]+)["']?:\s*(\w+)$/.exec(line) ?? [];
    if (line.trim() === "") return [];
    if (name === undefined || bump === undefined) return [`${path}: "${line}" is not "package: bump"`];
    const known = packages.some(({ manifest }) => manifest.name === name);
    const legal = ["major", "minor", "patch", "none"].includes(bump);
    return [
      ...(known ? [] : [`${path}: there is no package ${name}`]),
      ...(legal ? [] : [`${path}: ${bump} is not major, minor, patch or none`]),
    ];
  });
}
