import { capture } from "../command.ts";
import type { Step } from "./step.ts";

/** Checks that a well-known tool makes: whatever it says when it fails is the problem. */
function tool(title: string, ...commands: readonly (readonly [string, ...string[]])[]): Step {
  return {
    title,
    async run() {
      const problems: string[] = [];
      for (const [program, ...args] of commands) {
        const { code, output } = await capture(program, args);
        if (code !== 0) problems.push(output.trim() || `${program} exited with ${code}`);
      }
      return problems;
    },
  };
}

export const types = tool(
  "Types: every package, the examples and the scripts",
  ["turbo", "run", "build", "typecheck", "--output-logs=errors-only"],
  ["tsc", "-p", "scripts/tsconfig.json"],
);

export const lint = tool("Lint and format: biome", ["biome", "check", "."]);

export const unused = tool("Unused files, exports and dependencies: knip", [
  "knip",
  "--no-progress",
  "--no-config-hints",
]);

export const size = tool("Size of core: size-limit", ["size-limit"]);
