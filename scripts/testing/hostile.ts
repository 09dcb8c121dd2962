import { MessagingError } from "@waybill/core/spi";
import { expect } from "vitest";

/** Objects that throw when they are looked at. */
function hostileObjects(): Record<string, unknown> {
  const refuse = () => {
    throw new TypeError("no");
  };
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return {
    "a revoked proxy": proxy,
    "a proxy that refuses": new Proxy(
      {},
      { get: refuse, ownKeys: refuse, has: refuse, getPrototypeOf: refuse },
    ),
    "a function that refuses": new Proxy(() => {}, { get: refuse, ownKeys: refuse, apply: refuse }),
    "a list that refuses": new Proxy([], { get: refuse, ownKeys: refuse }),
    "what cannot become a text": {
      [Symbol.toPrimitive]: refuse,
      toString: refuse,
      valueOf: refuse,
      toJSON: refuse,
    },
  };
}

/** What a program without types may pass for a value, and worse. */
export function hostileValues(): Record<string, unknown> {
  return {
    ...hostileObjects(),
    null: null,
    "not a number": Number.NaN,
    "a negative number": -1,
    infinity: Number.POSITIVE_INFINITY,
    "a fraction": 0.5,
    "a big integer": 5n,
    "a symbol": Symbol("x"),
    "an empty text": "",
    "a text": "x",
    true: true,
    "a list": [null],
    "an object": {},
    "an object without a prototype": Object.create(null),
    "a function": () => {},
    "a list of symbols": [Symbol("x")],
  };
}

/** Every option with every such value, one at a time, and an option that throws when it is read. */
export function* hostileOptions(
  names: readonly string[],
): Iterable<readonly [what: string, options: object]> {
  for (const name of names) {
    for (const [what, value] of Object.entries(hostileValues()))
      yield [`${name}: ${what}`, { [name]: value }];
    const options = Object.defineProperty({}, name, {
      enumerable: true,
      get() {
        throw new TypeError("no");
      },
    });
    yield [`${name}: a getter that throws`, options];
  }
}

/** It takes what it is given, or refuses it as what it is: never with an error of another kind. */
export function expectRefusal(what: string, call: () => unknown): void {
  let error: unknown;
  try {
    call();
    return;
  } catch (thrown) {
    error = thrown;
  }
  expect(MessagingError.isInstance(error), `${what}: ${String(error)}`).toBe(true);
  expect((error as MessagingError).code, what).toMatch(/^(INVALID_\w+|UNKNOWN_OPTION)$/);
}

/** A factory of options refuses whatever is no object of options, and every option that is not legal. */
export function expectRefusals(
  factory: (options: never) => unknown,
  table: Readonly<Record<string, unknown>>,
  rest: object = {},
): void {
  for (const [what, options] of Object.entries({
    ...hostileObjects(),
    null: null,
    "a text": "x",
    "a number": 5,
  })) {
    if (what === "what cannot become a text") continue;
    expect(() => factory(options as never), what).toThrow(MessagingError);
    expectRefusal(what, () => factory(options as never));
  }
  for (const [what, options] of hostileOptions(Object.keys(table))) {
    const given = Object.defineProperties({ ...rest }, Object.getOwnPropertyDescriptors(options));
    expectRefusal(what, () => factory(given as never));
    if (what.endsWith("a getter that throws"))
      expect(() => factory(given as never), what).toThrow(MessagingError);
  }
}
