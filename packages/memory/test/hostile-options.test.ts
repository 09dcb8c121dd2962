import { expect, it } from "vitest";
import { expectRefusal, expectRefusals, hostileValues } from "../../../scripts/testing/hostile.ts";
import { brokerOptions } from "../src/broker/broker-options.ts";
import { adapter, MemoryBroker, memory, namedBroker, virtualClock } from "../src/index.ts";
import { observe } from "../src/testing.ts";

const driverOptions = { leaseMs: true, broker: true };

it("memory() and its broker refuse what they cannot take as a MessagingError, however odd", () => {
  expectRefusals(memory, { ...brokerOptions, ...driverOptions });
  expectRefusals((options) => new MemoryBroker(options), brokerOptions);
  expectRefusals((options) => namedBroker("hostile-new", options), {});
  namedBroker("hostile");
  expectRefusals((options) => namedBroker("hostile", options), brokerOptions);
});

it("a broker that is given in an object which cannot be read twice is the one that is used", () => {
  const broker = new MemoryBroker();
  let reads = 0;
  const options = Object.defineProperty({}, "broker", {
    enumerable: true,
    get: () => (reads++ === 0 ? broker : {}),
  });
  expect(memory(options).name).toBe("memory");
  expect(reads).toBe(1);
});

it("names, clocks, URLs and what is observed are checked as well", () => {
  for (const [what, value] of Object.entries(hostileValues())) {
    expectRefusal(`namedBroker: ${what}`, () => namedBroker(value as never));
    expectRefusal(`virtualClock: ${what}`, () => virtualClock(value as never));
    expect(() => observe(value as never), `observe: ${what}`).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
    expectRefusal(`URL: ${what}`, () => adapter.fromUrl(value as never, {}));
  }
  expect(() => virtualClock(Number.NaN)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
});
