import { it } from "vitest";
import { expectRefusal, expectRefusals } from "../../../scripts/testing/hostile.ts";
import { adapter, redis } from "../src/index.ts";
import { optionTable } from "../src/options.ts";

it("redis() refuses what it cannot take as a MessagingError, however odd", () => {
  expectRefusals(redis, optionTable);
});

it("so does the adapter, of a URL", () => {
  for (const url of ["redis://u:%zz@host", "", "%", 5, null, Symbol("x"), {}])
    expectRefusal(String(url), () => adapter.fromUrl(url as never, {}));
});
