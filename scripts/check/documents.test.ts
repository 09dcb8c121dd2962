import { expect, it } from "vitest";
import { adapterProblems } from "./documents.ts";

const block = (code: string) => `# Use\n\n\`\`\`ts\n${code}\n\`\`\`\n`;
const shown = block(
  'import { adapter } from "@waybill/redis";\nawait connect(url, { adapters: [adapter] });',
);

it("a page that connects shows how a bundler sees the adapter, import included", () => {
  const connects = block("await connect(url);");
  expect(adapterProblems("README.md", connects)).toEqual([
    "README.md connects, and shows no `adapters: [adapter]` with its import",
  ]);
  expect(adapterProblems("README.md", connects + shown)).toEqual([]);
  expect(adapterProblems("README.md", block("await connect(url, { adapters: [adapter] });"))).toHaveLength(1);
});

it("a page that only speaks of it need not", () => {
  expect(adapterProblems("README.md", "Call `connect(url)`.")).toEqual([]);
});
