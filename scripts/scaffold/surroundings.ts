import { adapterEntries, readmeSections } from "../check/adapter-layout.ts";
import { read } from "../workspace.ts";
import { environmentName } from "./environment-name.ts";

/** Everything of a new adapter but its sources. What all packages share is taken from the Redis adapter. */
export function surroundings(name: string): Readonly<Record<string, string>> {
  const { dependencies: _, ...manifest } = JSON.parse(read("packages/redis/package.json"));
  const own = {
    ...manifest,
    name: `@waybill/${name}`,
    version: "0.1.0",
    description: `Waybill adapter for ${name}.`,
    keywords: ["messaging", "waybill", name],
    repository: { ...manifest.repository, directory: `packages/${name}` },
    exports: Object.fromEntries([...adapterEntries.map(entry), ["./package.json", "./package.json"]]),
  };
  const sections = readmeSections.map((title) => `## ${title}\n\nTo be written.\n`);
  return {
    "package.json": `${JSON.stringify(own, undefined, 2)}\n`,
    "tsconfig.json": read("packages/redis/tsconfig.json"),
    "tsconfig.build.json": read("packages/redis/tsconfig.build.json"),
    LICENSE: read("LICENSE"),
    "README.md": `# @waybill/${name}\n\n${sections.join("\n")}`,
    "test/conformance.broker.test.ts": conformanceTest(name),
  };
}

/** `./mapping` is `src/mapping.ts`, and `.` is the index. */
function entry(path: string): readonly [string, unknown] {
  const file = path === "." ? "index" : path.slice(2);
  return [
    path,
    {
      "@waybill/source": `./src/${file}.ts`,
      types: `./dist/${file}.d.ts`,
      default: `./dist/${file}.js`,
    },
  ];
}

const conformanceTest = (name: string) => `import { runConformance } from "@waybill/conformance";
import { describe, it } from "vitest";
import { saveReport } from "../../../scripts/testing/saved-reports.ts";
import { target } from "../src/conformance.ts";

// Once @waybill/local-brokers can start this broker, \`localBroker\` says where it is.
const url = process.env.WAYBILL_${environmentName(name)}_URL;
if (url !== undefined) {
  runConformance({ runner: { describe, it }, target: target(url), onReport: saveReport });
} else {
  it.skip("is not run: WAYBILL_${environmentName(name)}_URL does not say where the broker is", () => undefined);
}
`;
