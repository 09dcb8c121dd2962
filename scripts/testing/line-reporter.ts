import { relative } from "node:path";
import type { SerializedError } from "vitest";
import type { Reporter, TestCase, TestModule } from "vitest/node";
import { root } from "../workspace.ts";

/**
 * One line for each test as it ends, for output in which several runs are mixed.
 * What was not run is left out, and failures are told in full at the end of all runs.
 */
export default class LineReporter implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    if (state === "skipped") return;
    const seconds = `${((test.diagnostic()?.duration ?? 0) / 1000).toFixed(1)} s`.padStart(7);
    console.log(
      `${state === "passed" ? "ok    " : "FAILED"} ${seconds}  ${place(test.module)}: ${test.fullName}`,
    );
    for (const { message } of errors ?? []) console.log(`    ${message.split("\n")[0]}`);
  }

  onTestModuleEnd(module: TestModule): void {
    for (const { message } of module.errors()) console.log(`FAILED          ${place(module)}: ${message}`);
  }

  onTestRunEnd(_modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    for (const { message, stack } of errors)
      console.log(`FAILED          outside of a test: ${stack ?? message}`);
  }
}

function place(module: TestModule): string {
  return relative(root, module.moduleId);
}
