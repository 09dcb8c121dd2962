import { styleText } from "node:util";
import { heading } from "./heading.ts";

/** Every failure in full, together at the end: in the output above, those of several brokers are mixed. */
export function printFailures(results: readonly { readonly failures: readonly string[] }[]): void {
  const failures = results.flatMap((result) => result.failures);
  if (failures.length === 0) return;
  heading("Failures");
  for (const [index, failure] of failures.entries()) {
    const [place, ...rest] = failure.split("\n");
    console.error(styleText("red", `\n${index + 1} of ${failures.length}  ${place}`));
    console.error(rest.map((line) => `  ${line}`).join("\n"));
  }
}
