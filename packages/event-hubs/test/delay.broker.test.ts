import { afterEach, describe, vi } from "vitest";
import { testSkewedDelays } from "../../../scripts/testing/skewed-delays.ts";
import { EventHubsBench } from "./workbench.ts";

const bench = new EventHubsBench();
afterEach(async () => {
  vi.restoreAllMocks();
  await bench.end();
});

describe("a clock that is off by nearly a day", () => {
  // A token is signed for a day, by the clock of who signs it.
  testSkewedDelays(bench, { skewMs: 23 * 3_600_000, lateMs: 3_000 });
});
