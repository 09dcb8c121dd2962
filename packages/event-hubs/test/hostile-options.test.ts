import { it } from "vitest";
import { expectRefusal, expectRefusals } from "../../../scripts/testing/hostile.ts";
import { adapter, eventHubs } from "../src/index.ts";
import { optionTable } from "../src/options.ts";

it("eventHubs() refuses what it cannot take as a MessagingError, however odd", () => {
  expectRefusals(eventHubs, optionTable, { namespace: "shop", keyName: "n", key: "k" });
});

it("so does the adapter, of a URL", () => {
  for (const url of ["eventhubs://u:%zz@shop", "", "%", 5, null, Symbol("x"), {}])
    expectRefusal(String(url), () => adapter.fromUrl(url as never, {}));
});
