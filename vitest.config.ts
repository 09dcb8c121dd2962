import { defineConfig } from "vitest/config";

/** Packages are tested as they are written, not as they were last built. */
export const sourceConditions = {
  resolve: { conditions: ["@waybill/source", "module", "node", "development|production"] },
  ssr: { resolve: { conditions: ["@waybill/source", "node", "development|production"] } },
};

export default defineConfig({
  ...sourceConditions,
  test: {
    include: ["packages/*/{src,test}/**/*.test.ts", "examples/test/**/*.test.ts", "scripts/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/*.broker.test.ts"],
    testTimeout: 20_000,
    // Long, since it costs only where something is wrong, and never as long as the test.
    expect: { poll: { timeout: 10_000 } },
  },
});
