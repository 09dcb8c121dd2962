import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { capture } from "../command.ts";
import { packages, root } from "../workspace.ts";
import type { Step } from "./step.ts";

const folder = join(root, ".cache", "packed");

/** What npm would publish, as its users' tools see it. */
export const published: Step = {
  title: "Published packages: publint and are-the-types-wrong",
  async run() {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const publishable = packages.filter(({ manifest }) => manifest.private !== true);
    const paths = publishable.map((one) => `./packages/${one.folder}`);
    const packed = await capture("npm", [
      "pack",
      "--silent",
      "--ignore-scripts",
      "--pack-destination",
      folder,
      ...paths,
    ]);
    if (packed.code !== 0) return [packed.output];

    const problems: string[] = [];
    for (const { manifest } of publishable) {
      const tarball = join(folder, `${manifest.name.slice(1).replace("/", "-")}-${manifest.version}.tgz`);
      problems.push(
        ...(await lintPackage(manifest.name, tarball)),
        ...(await lintTypes(manifest.name, tarball)),
      );
    }
    return problems;
  },
};

async function lintPackage(name: string, tarball: string): Promise<readonly string[]> {
  const { buffer } = new Uint8Array(readFileSync(tarball));
  const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });
  return messages.map((message) => `${name}: ${formatMessage(message, pkg) ?? message.code}`);
}

async function lintTypes(name: string, tarball: string): Promise<readonly string[]> {
  const args = ["--profile", "esm-only", "--no-color", "--no-emoji", "--format", "ascii", tarball];
  const { code, output } = await capture("attw", args);
  return code === 0 ? [] : [`${name}: ${output.trim()}`];
}
