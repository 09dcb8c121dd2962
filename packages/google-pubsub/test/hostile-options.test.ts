import { it } from "vitest";
import { expectRefusal, expectRefusals } from "../../../scripts/testing/hostile.ts";
import { adapter, googlePubsub } from "../src/index.ts";
import { optionTable } from "../src/options.ts";

it("googlePubsub() refuses what it cannot take as a MessagingError, however odd", () => {
  expectRefusals(googlePubsub, optionTable);
});

it("so does the adapter, of a URL", () => {
  for (const url of ["pubsub://%zz", "", "%", 5, null, Symbol("x"), {}])
    expectRefusal(String(url), () => adapter.fromUrl(url as never, {}));
});
