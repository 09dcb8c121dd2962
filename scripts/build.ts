// Builds what has changed, and says something only when that fails: for commands that have better things to print.
import { capture } from "./command.ts";

const { code, output } = await capture("turbo", ["run", "build", "--output-logs=errors-only"]);
if (code !== 0) console.error(output);
process.exitCode = code;
