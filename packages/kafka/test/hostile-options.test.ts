import { it } from "vitest";
import { expectRefusal, expectRefusals } from "../../../scripts/testing/hostile.ts";
import { adapter, kafka } from "../src/index.ts";
import { optionTable } from "../src/options.ts";

it("kafka() refuses what it cannot take as a MessagingError, however odd", () => {
  expectRefusals(kafka, optionTable);
});

it("so does the adapter, of a URL", () => {
  for (const url of ["kafka://u:%zz@host", "", "%", 5, null, Symbol("x"), {}])
    expectRefusal(String(url), () => adapter.fromUrl(url as never, {}));
});
