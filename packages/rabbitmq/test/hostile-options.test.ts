import { it } from "vitest";
import { expectRefusal, expectRefusals } from "../../../scripts/testing/hostile.ts";
import { adapter, rabbitmq } from "../src/index.ts";
import { optionTable } from "../src/options.ts";

it("rabbitmq() refuses what it cannot take as a MessagingError, however odd", () => {
  expectRefusals(rabbitmq, optionTable);
});

it("so does the adapter, of a URL", () => {
  for (const url of ["amqp://u:%zz@host", "", "%", 5, null, Symbol("x"), {}])
    expectRefusal(String(url), () => adapter.fromUrl(url as never, {}));
});
