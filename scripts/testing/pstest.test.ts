import { join } from "node:path";
import { expect, it } from "vitest";
import { pstestEnvironment } from "./pstest.ts";

it("pstest has a home beside that of the other brokers, whether or not one is named", () => {
  const homeOf = (environment: NodeJS.ProcessEnv) => pstestEnvironment(environment).WAYBILL_BROKERS_HOME;
  expect(homeOf({ WAYBILL_BROKERS_HOME: "/brokers" })).toBe("/brokers-pstest");
  expect(homeOf({ HOME: "/home/me" })).toBe(join("/home/me", ".cache", "waybill", "brokers-pstest"));
  expect(homeOf({ WAYBILL_BROKERS_HOME: "", XDG_CACHE_HOME: "/cache" })).toBe(
    "/cache/waybill/brokers-pstest",
  );
});
