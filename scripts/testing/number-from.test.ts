import { expect, it, onTestFinished, vi } from "vitest";
import { numberFrom } from "./number-from.ts";

const read = (text?: string) => numberFrom("WAYBILL_TEST_MINUTES", 1_440, { WAYBILL_TEST_MINUTES: text });

it("is what the environment sets, if it sets something", () => {
  expect([read("50"), read("1.5"), read(""), read()]).toEqual([50, 1.5, undefined, undefined]);
});

it.each(["0", "-1", "1441", "many", "5m"])("is refused where it is %s", (text) => {
  onTestFinished(() => void vi.restoreAllMocks());
  vi.spyOn(process, "exit").mockImplementation((code) => {
    throw new Error(`exit code ${code}`);
  });
  const said = vi.spyOn(console, "error").mockImplementation(() => {});
  expect(() => read(text)).toThrow("exit code 2");
  expect(said).toHaveBeenCalledExactlyOnceWith(
    `WAYBILL_TEST_MINUTES=${text} is no number from 1 to 1440: correct or unset it.`,
  );
});
