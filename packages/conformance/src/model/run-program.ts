import type { Variant } from "./model-broker.ts";
import type { Program } from "./program.ts";
import { RealSystem } from "./real-system.ts";

/** What one run of a program showed. */
export interface ProgramResult {
  readonly violations: readonly string[];
  /** What happened, a line each; empty unless asked for. */
  readonly log: readonly string[];
}

/** Runs a program on a broker and clients of its own, in its own time. */
export async function runProgram(
  variant: Variant,
  { settings, commands }: Program,
  options: { readonly keepsLog?: boolean } = {},
): Promise<ProgramResult> {
  const log: string[] = [];
  const system = new RealSystem(
    variant,
    settings,
    options.keepsLog ? (what) => void log.push(what) : () => {},
  );
  const { model } = system;
  const onStray = (error: unknown) =>
    model.violated(
      "errors",
      `an error that nobody caught: ${error instanceof Error ? error.stack : String(error)}`,
    );
  system.time.onError = onStray;
  process.on("unhandledRejection", onStray);
  process.on("uncaughtException", onStray);
  try {
    await system.begin();
    for (const command of commands) {
      await system.run(command);
      if (model.violations.length > 0) break;
    }
    if (model.violations.length === 0) await system.end();
  } finally {
    process.off("unhandledRejection", onStray);
    process.off("uncaughtException", onStray);
  }
  return { violations: model.violations, log };
}
