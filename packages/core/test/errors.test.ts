import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { closed } from "../src/errors/ended.ts";
import {
  circuitBreaker,
  MessagingError,
  NonRetryableError,
  PartialFailureError,
  timeout,
  topic,
  UnsupportedError,
} from "../src/index.ts";
import { normalise } from "../src/spi/normalise.ts";
import { ScriptedDriver } from "./scripted-driver.ts";

const secret = "amqp://app:s3cret@broker:5672";

describe("a MessagingError", () => {
  it("as JSON carries code, message, remedy, retryable and details, and no object of the vendor's", () => {
    const cause = Object.assign(new Error(`connect ECONNREFUSED ${secret}`, { cause: new Error("deep") }), {
      code: "ECONNREFUSED",
      config: { password: "s3cret" },
    });
    const error = new MessagingError("UNREACHABLE", "Broker unreachable.", {
      remedy: "Start it.",
      cause,
      details: { size: 5, big: 10n, never: Number.NaN, at: secret, when: new Date(0) },
    });
    const text = JSON.stringify(error);
    expect(JSON.parse(text)).toEqual({
      name: "MessagingError",
      code: "UNREACHABLE",
      message: "Broker unreachable. Start it.",
      remedy: "Start it.",
      retryable: true,
      details: {
        size: 5,
        big: "10",
        never: "NaN",
        at: "amqp://***@broker:5672",
        when: "1970-01-01T00:00:00.000Z",
      },
      causes: ["ECONNREFUSED: connect ECONNREFUSED amqp://***@broker:5672", "Error: deep"],
    });
    expect(text).not.toContain("s3cret");
  });

  it("as JSON survives cycles, getters that throw and causes without end", () => {
    const cyclic: Record<string, unknown> = {
      get bad() {
        throw new Error("no");
      },
    };
    cyclic.self = cyclic;
    const error = new MessagingError("BROKER_ERROR", "x", { cause: cyclic, details: { cyclic } });
    cyclic.cause = cyclic;
    expect(() => JSON.stringify(error)).not.toThrow();
    const batch = new PartialFailureError(
      Array.from({ length: 50 }, (_, index) => ({ index, error })),
      60,
    );
    expect(JSON.parse(JSON.stringify(batch)).failures).toHaveLength(10);
  });

  it("is told from its subclasses, and they from each other", () => {
    const plain = new MessagingError("UNSUPPORTED", "x");
    const unsupported = new UnsupportedError("x", "y", "z");
    const fatal = new NonRetryableError("x");
    class Mine extends NonRetryableError {}
    expect([plain, unsupported, fatal].map((each) => MessagingError.isInstance(each))).toEqual([
      true,
      true,
      true,
    ]);
    expect([plain, unsupported, fatal].map((each) => UnsupportedError.isInstance(each))).toEqual([
      false,
      true,
      false,
    ]);
    expect(NonRetryableError.isInstance(new Mine("x"))).toBe(true);
    expect([plain, fatal].map((each) => Mine.isInstance(each))).toEqual([false, false]);
    const hostile = new Proxy({}, { has: () => runInNewContext("null.x") });
    for (const other of [undefined, null, 5, {}, new Error("x"), hostile])
      expect(MessagingError.isInstance(other)).toBe(false);
  });

  it("of another copy of the package is known, with its class", async () => {
    // @ts-expect-error a query makes it another module
    const other = (await import("../src/errors/messaging-error.ts?another-copy")) as {
      UnsupportedError: typeof UnsupportedError;
    };
    const error = new other.UnsupportedError("x", "y", "z");
    expect(error instanceof UnsupportedError).toBe(false);
    expect(UnsupportedError.isInstance(error)).toBe(true);
    expect(NonRetryableError.isInstance(error)).toBe(false);
  });
});

describe("whatever a driver throws", () => {
  const strange: unknown[] = [
    undefined,
    null,
    5,
    Object.create(null),
    Object.assign(new Error("x"), { message: { a: 1 } }),
    { toString: null },
    Symbol("x"),
  ];
  it("becomes a MessagingError, also when the driver's `classify` throws or invents a code", () => {
    for (const classify of [
      () => undefined,
      () => {
        throw new Error("no");
      },
      () => ({ code: "MADE_UP" as never }),
    ]) {
      const driver = Object.assign(new ScriptedDriver(), { classify });
      for (const cause of strange)
        expect(normalise(driver, cause)).toMatchObject({ code: "BROKER_ERROR", retryable: true });
    }
  });
});

describe("a refused argument", () => {
  const refused: Record<string, [() => unknown, string]> = {
    "a time-out": [() => timeout(-5), "`timeout` takes a number above 0, not -5. Pass a number above 0."],
    "a threshold": [() => circuitBreaker({ failureThreshold: 0 }), "not 0. Pass a number of at least 1."],
    "a key": [() => topic("orders", { key: "id" as never }), 'takes a function, not "id". Pass a function.'],
  };
  it.each(Object.entries(refused))("names the value and what to pass: %s", (_what, [call, text]) => {
    expect(call).toThrow(text);
  });
});

it("what is closed is opened again as it was opened", () => {
  expect(closed("client").message).toBe("The client is closed. Connect again with `connect`.");
  expect(closed("subscription").message).toBe("The subscription is closed. Subscribe or consume again.");
});
