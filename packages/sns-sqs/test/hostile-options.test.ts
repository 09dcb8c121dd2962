import { it } from "vitest";
import { expectRefusal, expectRefusals } from "../../../scripts/testing/hostile.ts";
import { adapter, snsSqs } from "../src/index.ts";
import { optionTable } from "../src/options.ts";

it("snsSqs() refuses what it cannot take as a MessagingError, however odd", () => {
  expectRefusals(snsSqs, optionTable);
});

it("so does the adapter, of a URL", () => {
  for (const url of ["aws://u:%zz@eu-central-1", "", "%", 5, null, Symbol("x"), {}])
    expectRefusal(String(url), () => adapter.fromUrl(url as never, {}));
});
