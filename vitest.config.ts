import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["@waybill/source", "module", "node", "development|production"] },
  ssr: { resolve: { conditions: ["@waybill/source", "node", "development|production"] } },
  test: {
    include: ["packages/*/{src,test}/**/*.test.ts", "examples/test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/*.broker.test.ts"],
    testTimeout: 20_000,
  },
});
