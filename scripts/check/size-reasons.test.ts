import { expect, it } from "vitest";
import { reasonProblems } from "./size-reasons.ts";

const comment = `// A limit is raised only with 2 reasons.
//
//   core   23 kB   as it was first measured
//         +0.1    one
//         +0.2    two +9.9 lines
//   spi     5 kB   as it was first measured
`;
const limits = (core: string, spi: string) => [
  { name: "@waybill/core, everything", limit: core },
  { name: "@waybill/core/spi, everything", limit: spi },
];

it("a limit of size is the sum of its reasons", () => {
  expect(reasonProblems(comment, limits("23.3 kB", "5 kB"))).toEqual([]);
  expect(reasonProblems(comment, limits("24.3 kB", "4.9 kB"))).toEqual([
    ".size-limit.js: the reasons of core add up to 23.3 kB, and its limit is 24.3 kB",
    ".size-limit.js: the reasons of spi add up to 5.0 kB, and its limit is 4.9 kB",
  ]);
});

it("a limit without any reason, or reasons without a limit, are a problem", () => {
  expect(reasonProblems("", limits("1 kB", "1 kB"))).toHaveLength(2);
  expect(reasonProblems(comment, [])).toHaveLength(2);
});
