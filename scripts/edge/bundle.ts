import { build } from "esbuild";
import { root } from "../workspace.ts";

/**
 * Bundles a module as for a browser or an edge runtime. Packages are taken as they
 * are written, not as they were last built.
 * @throws Error that names each import of a Node built-in, and the file that has it
 */
export async function bundleForBrowser(source: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: root, sourcefile: "entry.ts", loader: "ts" },
    bundle: true,
    write: false,
    platform: "browser",
    format: "esm",
    target: "es2024",
    conditions: ["@waybill/source", "browser"],
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}
