import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytes, type Codec, json, queue, type StandardSchema, text, topic } from "../src/index.ts";
import { utf8Length } from "../src/runtime/utf8-length.ts";
import { everything } from "./scripted-driver.ts";
import { connected, failureOf, values } from "./workbench.ts";

const Bytes = topic<Uint8Array>("bytes", { codec: bytes });
const Anything = topic("anything");
const cycle: Record<string, unknown> = {};
cycle.self = cycle;
const limits = (limits: object) => ({ capabilities: { limits: { messageBytes: 100, ...limits } } });

describe("limits", () => {
  it("the largest message goes, one byte over is refused before any I/O, and the rest of the batch is unharmed", async () => {
    const { client, driver } = await connected(limits({}));
    await client.publish(Bytes, new Uint8Array(100));
    const error = await failureOf(client.publishBatch(Bytes, [new Uint8Array(1), new Uint8Array(101)]));
    expect(error).toMatchObject({ code: "PARTIAL_FAILURE", details: { indexes: [1] } });
    expect(error?.cause).toMatchObject({ code: "MESSAGE_TOO_LARGE", details: { size: 101, limit: 100 } });
    expect(driver.sent("bytes").map(({ body }) => body.length)).toEqual([100, 1]);
  });

  it("count body, key, header names and values, all in UTF-8", async () => {
    const { client } = await connected(limits({}));
    const Keyed = topic<Uint8Array>("keyed", { codec: bytes, key: () => "ключ" });
    // 8 bytes of key, 2 + 4 of header
    await client.publish(Keyed, new Uint8Array(86), { headers: { ö: "😀" } });
    const over = client.publish(Keyed, new Uint8Array(87), { headers: { ö: "😀" } });
    expect((await failureOf(over))?.code).toBe("MESSAGE_TOO_LARGE");
  });

  it("count what the broker adds to each header", async () => {
    const { client } = await connected(limits({ headerBytes: 24, headers: { overheadBytes: 10 } }));
    await client.publish(Bytes, new Uint8Array(76), { headers: { a: "b", c: "d" } });
    const over = [
      client.publish(Bytes, new Uint8Array(77), { headers: { a: "b", c: "d" } }),
      client.publish(Bytes, new Uint8Array(1), { headers: { a: "b", c: "de" } }),
    ];
    for (const each of over) expect((await failureOf(each))?.code).toBe("MESSAGE_TOO_LARGE");
  });

  it("of headers and keys hold by themselves", async () => {
    const { client } = await connected(limits({ headerBytes: 10, keyBytes: 3 }));
    const keyed = (key: string) => topic<number>("keyed", { key: () => key });
    await client.publish(Anything, 1, { headers: { name: "values" } });
    await client.publish(keyed("key"), 1);
    const over = [
      client.publish(Anything, 1, { headers: { name: "values!" } }),
      client.publish(keyed("ключ"), 1),
    ];
    for (const each of over) expect((await failureOf(each))?.code).toBe("MESSAGE_TOO_LARGE");
  });

  it("are measured as UTF-8 is encoded", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (any) => {
        expect(utf8Length(any)).toBe(new TextEncoder().encode(any).length);
      }),
    );
  });
});

describe("headers", () => {
  it("of any name and value travel as they are", async () => {
    const { client, driver } = await connected();
    const headers = { "a/b.c 'd' \"e\"": "ö😀\n\t", __proto__: "odd", "X-Waybill": "", constructor: "x" };
    const given = Object.defineProperty({ ...headers }, "__proto__", { value: "own", enumerable: true });
    await client.publish(Anything, 1, { headers: given });
    expect(driver.sent("anything")[0]?.headers).toStrictEqual(given);
  });

  const wrong: Record<string, unknown>[] = [
    { "": "empty name" },
    { number: 5 },
    { none: undefined },
    { "waybill-id": "ours" },
    { "Waybill-Anything": "ours" },
    { "Content-Type": "the codec's" },
    { half: "\ud800" },
    { "\udc00": "half" },
  ];
  for (const headers of wrong) {
    it(`${JSON.stringify(headers)} are refused, never dropped or changed`, async () => {
      const { client, driver } = await connected();
      const error = await failureOf(
        client.publish(Anything, 1, { headers: headers as Record<string, string> }),
      );
      expect(error?.code).toBe("INVALID_HEADER");
      expect(driver.published).toEqual([]);
    });
  }
});

describe("what is refused as headers", () => {
  const given: readonly [unknown, string][] = [
    [["a"], "an array"],
    ["hunter2", "a string"],
    [5, "5"],
    [null, "null"],
    [new Map(), "an object of the class Map"],
    [new (class Envelope {})(), "an object of the class Envelope"],
    [Object.create({ a: "b" }), "an object with a prototype of its own"],
  ];
  it.each(given)("%s is named for what it is", async (headers, named) => {
    const { client } = await connected();
    const error = await failureOf(client.publish(Anything, 1, { headers: headers as never }));
    expect(error?.message).toContain(`\`headers\` takes a plain object, not ${named}. `);
  });
});

describe("a timestamp", () => {
  it("is at most the last that a Date holds", async () => {
    const { client, driver } = await connected();
    const last = 8_640_000_000_000_000;
    for (const timestamp of [0, last]) await client.publish(Anything, 1, { timestamp });
    expect(driver.sent("anything").map(({ timestamp }) => timestamp)).toEqual([0, last]);
    for (const timestamp of [last + 1, -1, Number.NaN])
      expect((await failureOf(client.publish(Anything, 1, { timestamp })))?.code).toBe("INVALID_ARGUMENT");
  });
});

describe("the broker's rules of headers", () => {
  const rules = { maxCount: 2, nameBytes: 6, valueBytes: 8, reserved: ["amqp", "x-a*"] };
  const broken: Record<string, string>[] = [
    { a: "1", b: "2", c: "3" },
    { ключ: "a name of 8 bytes" },
    { a: "значе" },
    { AMQP: "reserved" },
    { "X-Anew": "reserved" },
  ];
  for (const headers of broken) {
    it(`refuse ${JSON.stringify(headers)} before any I/O, also where a middleware sets it`, async () => {
      const script = { capabilities: { limits: { messageBytes: 100, headers: rules } } };
      const { client, driver } = await connected(script);
      expect((await failureOf(client.publish(Anything, 1, { headers })))?.code).toBe("INVALID_HEADER");
      const other = await connected(script, {
        middleware: {
          publish: [
            (message, next) => {
              Object.assign(message.headers, headers);
              return next();
            },
          ],
        },
      });
      expect((await failureOf(other.client.publish(Anything, 1)))?.code).toBe("INVALID_HEADER");
      expect([...driver.ensured, ...other.driver.ensured]).toEqual([]);
    });
  }

  it("let through what keeps to them", async () => {
    const { client } = await connected({ capabilities: { limits: { messageBytes: 100, headers: rules } } });
    await client.publish(Anything, 1, { headers: { "amqp-x": "12345678", xa: "" } });
  });

  it("are not needed to refuse what is no plain object", async () => {
    const { client, driver } = await connected();
    for (const headers of [new Map([["a", "b"]]), ["a"], new Date(), new (class Own {})(), "a", 5, null]) {
      const failure = await failureOf(client.publish(Anything, 1, { headers: headers as never }));
      expect(failure).toMatchObject({ code: "INVALID_HEADER", remedy: expect.any(String) });
    }
    expect(driver.published).toEqual([]);
    await client.publish(Anything, 1, { headers: Object.assign(Object.create(null), { a: "b" }) });
  });
});

describe("a value that JSON would change", () => {
  class Order {
    readonly id = 1;
  }
  const changed: [unknown, string, string][] = [
    [{ order: { at: new Date(0) } }, "order.at", "a Date"],
    [[new Map([["a", 1]])], "0", "a Map"],
    [{ tags: new Set(["a"]) }, "tags", "a Set"],
    [{ prices: [1, Number.NaN] }, "prices.1", "NaN"],
    [Number.POSITIVE_INFINITY, "", "Infinity"],
    [{ items: [undefined] }, "items.0", "undefined in an array"],
    // biome-ignore lint/suspicious/noSparseArray: this is what is tested
    [{ items: [1, , 2] }, "items.1", "undefined in an array"],
    [{ order: new Order() }, "order", "an instance of Order"],
    [{ run: () => {} }, "run", "a function"],
    [{ tag: Symbol("a") }, "tag", "a symbol"],
    [{ data: Uint8Array.of(1) }, "data", "binary data"],
    [{ error: new Error("no") }, "error", "an instance of Error"],
    [{ at: new Date(Number.NaN) }, "at", "an invalid Date"],
    [{ a: 1, [Symbol("more")]: 1 }, "Symbol(more)", "a member named by a symbol"],
    [{ a: ["x", /y/.exec("y")] }, "a.1.index", "a member of an array beside its items"],
    [{ a: [{ n: 1n }] }, "a.0.n", "a bigint"],
    [{ a: [cycle] }, "a.0.self", "an object inside itself"],
    [{ link: new URL("https://example.com") }, "link", "an instance of URL"],
    [{ text: new String("boxed") }, "text", "an instance of String"],
    [{ a: { toJSON: () => 1 } }, "a.toJSON", "a function"],
    [{ a: Object.defineProperty({}, "toJSON", { value: () => 1 }) }, "a", "an object of a class"],
    [{ a: Object.assign([1], { toJSON: () => 1 }) }, "a", "an instance of Array"],
    [{ a: new (class Own extends Array {})() }, "a", "an instance of Own"],
    [{ a: argumentsOf(1, 2) }, "a", "an iterable object"],
  ];
  for (const [value, path, what] of changed) {
    it(`is refused with path and remedy: ${what} at "${path}"`, async () => {
      const { client, driver } = await connected();
      const error = await failureOf(client.publish(Anything, value));
      expect(error).toMatchObject({
        code: "SERIALIZATION_FAILED",
        details: { path, what },
        remedy: expect.any(String),
      });
      expect(error?.message).toContain(what);
      expect(driver.published).toEqual([]);
    });
  }

  for (const [kind, value, remedy] of [
    ["an error", new RangeError("no"), "error.message"],
    ["a regular expression", /x/, "regexp.source"],
    ["a promise", Promise.resolve(1), "Await it"],
    ["a boxed text", new String("x"), "valueOf()"],
    ["a collection", new URLSearchParams("a=b").entries(), "[...value]"],
    ["an object without members of its own", new WeakMap(), "what a consumer needs"],
    ["an instance with members", new Order(), "{ ...value }"],
  ] as const) {
    it(`comes with a remedy that fits ${kind}`, async () => {
      const { client } = await connected();
      const error = await failureOf(client.publish(Anything, { value }));
      expect(error?.remedy).toContain(remedy);
      expect(error?.message).not.toContain("\n");
    });
  }

  it("is refused in one sentence also where only the runtime knows why", async () => {
    const { client } = await connected();
    const Wrapped = topic("wrapped", { codec: { ...json, encode: (value) => json.encode(value) } });
    const error = await failureOf(client.publish(Wrapped, cycle));
    expect(error?.code).toBe("SERIALIZATION_FAILED");
    expect(error?.message).not.toContain("\n");
  });

  it("by the names of members is left alone where the schema takes what becomes of it, or nobody sees them", async () => {
    const { client, driver } = await connected();
    const named = { a: 1, [Symbol("more")]: 1 };
    for (const answer of [(value: unknown) => ({ value }), async (value: unknown) => ({ value })])
      await client.publish(topic("t", { schema: schema(answer) }), named);
    const hidden = Object.defineProperty({ a: 1 }, Symbol("more"), { value: 1 });
    await client.publish(Anything, hidden);
    const picky = schema((value) =>
      Object.getOwnPropertySymbols(value).length > 0 ? { value } : { issues: [{ message: "no" }] },
    );
    const error = await failureOf(client.publish(topic("picky", { schema: picky }), named));
    expect(error).toMatchObject({ code: "SERIALIZATION_FAILED", details: { path: "Symbol(more)" } });
    expect(values(driver.sent("t"))).toEqual([{ a: 1 }, { a: 1 }]);
  });

  for (const [how, answering] of [
    ["at once", (answer: Validate): Validate => answer],
    [
      "later",
      (answer: Validate): Validate =>
        async (value) =>
          answer(value),
    ],
  ] as const) {
    it(`is refused as often as it is published where a codec of one's own is JSON, which the schema says ${how}`, async () => {
      const { client, driver } = await connected();
      const codec: Codec<unknown> = {
        contentType: "application/x",
        encode: (value) => json.encode(value),
        decode: (body) => json.decode(body),
      };
      const date: Validate = (value) =>
        (value as { at: unknown }).at instanceof Date ? { value } : { issues: [{ message: "no date" }] };
      const Dated = topic("dated", { codec, schema: schema(answering(date)) });
      for (let n = 0; n < 30; n++) {
        const error = await failureOf(client.publish(Dated, { at: new Date() }));
        expect(error?.code).toBe(how === "later" ? "VALIDATION_FAILED" : "SERIALIZATION_FAILED");
        expect(error?.message).toContain("schema");
      }
      expect(driver.published).toEqual([]);
    });
  }

  it("is read back where a codec is one's own, for the first values only", async () => {
    const { client, driver } = await connected();
    let decoded = 0;
    const codec: Codec<unknown> = {
      contentType: "application/x",
      encode: json.encode.bind(json),
      decode: (body) => {
        decoded++;
        return json.decode(body);
      },
    };
    const Own = topic("own", { codec, schema: schema((value) => ({ value })) });
    for (let n = 0; n < 50; n++) await client.publish(Own, n);
    expect(driver.sent("own")).toHaveLength(50);
    expect(decoded).toBe(20);
    const broken: Codec<unknown> = {
      ...codec,
      decode: () => {
        throw new TypeError("no");
      },
    };
    const Broken = topic("broken", { codec: broken, schema: schema((value) => ({ value })) });
    expect((await failureOf(client.publish(Broken, 1)))?.message).toContain("does not decode");
  });

  it("names what to do about a date", async () => {
    const { client } = await connected();
    const error = await failureOf(client.publish(Anything, { at: new Date() }));
    expect(error?.remedy).toContain("z.iso.datetime()");
    expect(error?.remedy).toContain("toISOString()");
  });

  it("is left alone where it is what everybody publishes", async () => {
    const { client, driver } = await connected();
    const plain = {
      a: undefined,
      b: null,
      c: [[], {}, "", -0, true],
      d: Object.assign(Object.create(null), { e: 1 }),
    };
    await client.publishBatch(Anything, [plain, "text", 0, null, false]);
    expect(driver.sent("anything")).toHaveLength(5);
    const toldApart = topic("told-apart", { schema: schema((value) => ({ value })) });
    await client.publishBatch(toldApart, [plain, plain]);
    const any = topic("own", { codec: { ...json, encode: (value) => json.encode(value) } });
    await client.publish(any, new Date());
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        await client.publish(Anything, value);
      }),
      { numRuns: 50 },
    );
  });

  it("is refused for a member that is undefined where the schema wants it to be there", async () => {
    const { client, driver } = await connected();
    let calls = 0;
    const wants = (name: string) => (value: unknown) => {
      calls++;
      return name in (value as object) ? { value } : { issues: [{ message: "missing", path: [name] }] };
    };
    const strict = topic("strict", { schema: schema(wants("a")) });
    const error = await failureOf(client.publish(strict, { b: { c: 1 }, a: undefined }));
    expect(error).toMatchObject({ code: "SERIALIZATION_FAILED", details: { path: "a", what: "undefined" } });
    expect(driver.published).toEqual([]);
    // Once for the value as it is, and once for what is stored.
    calls = 0;
    for (let n = 0; n < 5; n++) await client.publish(strict, { a: [{ b: undefined }, { b: undefined }] });
    expect(calls).toBe(10);
    const later = topic("later", { schema: schema(async (value) => ({ value })) });
    await client.publish(later, { a: undefined });
  });

  it("is refused by what else is in it, whatever was published before", async () => {
    const { client, driver } = await connected();
    const union = (value: { kind?: string }) =>
      value.kind === "a" || "x" in value ? { value } : { issues: [{ message: "x is missing" }] };
    const laterWithoutIt = (value: object) => ("x" in value ? { value } : Promise.resolve(union(value)));
    for (const answer of [union, laterWithoutIt]) {
      const Either = topic("either", { schema: schema((value) => answer(value as object)) });
      await client.publish(Either, { kind: "a", x: undefined });
      const error = await failureOf(client.publish(Either, { kind: "b", x: undefined }));
      expect(error).toMatchObject({
        code: "SERIALIZATION_FAILED",
        details: { path: "x", what: "undefined" },
      });
    }
    expect(values(driver.sent("either"))).toEqual([{ kind: "a" }, { kind: "a" }]);
  });

  for (const [how, answering] of [
    ["at once", (answer: Validate) => answer],
    [
      "later",
      (answer: Validate): Validate =>
        async (value) =>
          answer(value),
    ],
  ] as const) {
    it(`goes where the contract's schema takes what becomes of it, and only there, which it says ${how}`, async () => {
      const { client } = await connected();
      const isDate = (value: unknown) => value instanceof Date;
      const codeOf = async (answer: Validate, value: unknown) => {
        const contract = topic("t", { schema: schema(answering(answer)) });
        const codes: unknown[] = [];
        // The second time it is known how the schema answers.
        for (let n = 0; n < 2; n++) codes.push((await failureOf(client.publish(contract, value)))?.code);
        expect(codes[1]).toBe(codes[0]);
        return codes[0];
      };
      const refused = { issues: [{ message: "no" }] };
      const strict: Validate = (value) => (isDate(value) ? { value } : refused);
      expect(await codeOf(strict, new Date())).toBe("SERIALIZATION_FAILED");
      expect(await codeOf(strict, "no date")).toBe("VALIDATION_FAILED");
      expect(await codeOf(strict, 1n)).toBe("VALIDATION_FAILED");
      expect(await codeOf(() => refused, new Date())).toBe("VALIDATION_FAILED");
      expect(await codeOf((value) => ({ value: new Date(value as string) }), new Date())).toBe(undefined);
      const anything: Validate = (value) => ({ value });
      expect(await codeOf(anything, { at: new Date() })).toBe(undefined);
      expect(await codeOf(anything, { a: undefined })).toBe(undefined);
      const there: Validate = (value) => ("a" in (value as object) ? { value } : refused);
      expect(await codeOf(there, { a: undefined })).toBe("SERIALIZATION_FAILED");
      for (const lost of [1n, { a: [new Map()] }, new Set(), { n: Number.NaN }]) {
        expect(await codeOf(anything, lost)).toBe("SERIALIZATION_FAILED");
      }
    });
  }
});

describe("a value", () => {
  it("travels as its codec encodes it, with its content type", async () => {
    const { client, driver } = await connected();
    await client.publish(topic("j"), { a: [1, "ö"] });
    await client.publish(topic<string>("t", { codec: text }), "ö");
    await client.publish(Bytes, Uint8Array.of(0, 255));
    expect(driver.published.flatMap(({ batch }) => batch.map((m) => [m.contentType, [...m.body]]))).toEqual([
      ["application/json", [...new TextEncoder().encode('{"a":[1,"ö"]}')]],
      ["text/plain; charset=utf-8", [195, 182]],
      ["application/octet-stream", [0, 255]],
    ]);
  });

  it("comes back from JSON and text as it was", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, any) => {
        expect(json.decode(json.encode(value))).toEqual(JSON.parse(JSON.stringify(value)));
        const whole = any.toWellFormed();
        expect(text.decode(text.encode(whole))).toBe(whole);
      }),
    );
    expect(text.decode(text.encode("\ufeffwith a mark"))).toBe("\ufeffwith a mark");
  });

  const halfBaked = { contentType: "x", encode: () => "text" as unknown as Uint8Array, decode: () => 0 };
  it("is asked of a codec without types in vain, clearly", () => {
    for (const nothing of [null, undefined, "text"] as never[])
      for (const codec of [json, text])
        expect(() => codec.decode(nothing)).toThrow(/^(json|text) reads a Uint8Array, not /);
  });

  const refused: [string, Codec<never> | typeof json, unknown][] = [
    ["undefined as JSON", json, undefined],
    ["a function as JSON", json, () => {}],
    ["a BigInt as JSON", json, { n: 1n }],
    ["a cycle as JSON", json, cycle],
    ["half a surrogate pair as text", text as Codec<never>, "a\ud800b"],
    ["a number as text", text as Codec<never>, 5],
    ["text as bytes", bytes as Codec<never>, "text"],
    ["what its codec makes no bytes of", halfBaked, 1],
  ];
  for (const [what, codec, value] of refused) {
    it(`${what} is SERIALIZATION_FAILED`, async () => {
      const { client, driver } = await connected();
      const error = await failureOf(client.send(queue("values", { codec }), value));
      expect(error?.code).toBe("SERIALIZATION_FAILED");
      expect(driver.published).toEqual([]);
      expect(client.health().pendingPublishes).toBe(0);
    });
  }

  it("that its schema refuses is VALIDATION_FAILED, naming paths and rules but no values", async () => {
    const { client } = await connected();
    const issues = Array.from({ length: 7 }, (_, i) => ({
      message: `rule ${i}`,
      path: ["items", { key: i }],
    }));
    const error = await failureOf(
      client.publish(topic("t", { schema: schema(() => ({ issues })) }), "a secret"),
    );
    expect(error?.code).toBe("VALIDATION_FAILED");
    expect(error?.message).toContain("items.0: rule 0");
    expect(error?.message).toContain("and 2 more");
    expect(error?.message).not.toContain("a secret");
  });

  it("travels as it was published, not as its schema made it", async () => {
    const { client, driver } = await connected();
    await client.publish(topic("t", { schema: schema(() => ({ value: "changed" })) }), "original");
    expect(values(driver.sent("t"))).toEqual(["original"]);
  });

  it("whose schema takes its time is not overtaken by younger ones", async () => {
    const { client, driver } = await connected();
    const slowness: Record<string, number> = { a: 3, b: 0, c: 1 };
    const Slow = topic("slow", {
      key: () => "one",
      schema: schema(async (value) => {
        for (let i = 0; i < (slowness[value as string] ?? 0); i++)
          await new Promise((next) => setImmediate(next));
        return { value };
      }),
    });
    await Promise.all(["a", "b", "c"].map((value) => client.publish(Slow, value)));
    expect(values(driver.sent("slow"))).toEqual(["a", "b", "c"]);
  });

  it("that is refused after a while holds up none of those behind it", async () => {
    const { client, driver } = await connected();
    const Picky = topic("picky", {
      schema: schema(async (value) => (value === "no" ? { issues: [{ message: "no" }] } : { value })),
    });
    const error = await failureOf(client.publishBatch(Picky, ["no", "yes"]));
    expect(error?.code).toBe("PARTIAL_FAILURE");
    expect(values(driver.sent("picky"))).toEqual(["yes"]);
  });

  it("whose schema answers with a thenable is awaited, whatever that is", async () => {
    const { client, driver } = await connected();
    const thenable = (result: unknown) => ({
      // biome-ignore lint/suspicious/noThenProperty: this is what is tested
      then: (resolve: (result: unknown) => void) => queueMicrotask(() => resolve(result)),
    });
    // biome-ignore lint/suspicious/noThenProperty: this is what is tested
    const throwing = Object.defineProperty({}, "then", {
      get: () => {
        throw new TypeError("no");
      },
    });
    const rejecting = {
      // biome-ignore lint/suspicious/noThenProperty: this is what is tested
      then: () => {
        throw Object.create(null);
      },
    };
    const answers = [
      thenable({ issues: [{ message: "no" }] }),
      throwing,
      rejecting,
      undefined,
      null,
      true,
      {},
      { issues: 5 },
      { issues: [null] },
      { issues: [{ message: { odd: 1 }, path: [null, Object.create(null)] }] },
      thenable(undefined),
      Object.defineProperty({}, "issues", {
        get: () => {
          throw Object.create(null);
        },
      }),
    ];
    for (const [index, answer] of answers.entries()) {
      const contract = topic(`t${index}`, { schema: schema(() => answer as never) });
      expect((await failureOf(client.publish(contract, 1)))?.code).toBe("VALIDATION_FAILED");
    }
    expect(driver.published).toEqual([]);
    await client.publish(topic("good", { schema: schema(() => thenable({ value: 1 }) as never) }), 1);
    expect(driver.published).toHaveLength(1);
  });

  it("that is refused at length is told of briefly", async () => {
    const { client } = await connected();
    const issues = [{ message: `unknown key ${"a.".repeat(60_000)}` }];
    const error = await failureOf(client.publish(topic("t", { schema: schema(() => ({ issues })) }), 1));
    expect(error?.message.length).toBeLessThan(1_000);
  });

  it("whose codec, schema or key function throws what nobody can show is refused with a MessagingError", async () => {
    const { client, driver } = await connected();
    const odd = [
      Object.create(null),
      Object.assign(new Error("x"), { message: { code: 42 } }),
      Object.defineProperty(new Error("x"), "message", {
        get: () => {
          throw new Error("no");
        },
      }),
      Symbol("odd"),
      undefined,
    ];
    for (const thrown of odd) {
      const broken = () => {
        throw thrown;
      };
      const codes = await Promise.all(
        [
          topic("c", { codec: { contentType: "x", encode: broken, decode: broken } }),
          topic("s", { schema: schema(broken) }),
          topic("a", { schema: schema(() => Promise.reject(thrown)) }),
          topic("k", { key: broken }),
          topic("p", { key: () => Promise.reject(thrown) as never }),
          topic("e", {
            codec: { contentType: "x", encode: () => Promise.reject(thrown) as never, decode: broken },
          }),
        ].map(async (contract) => (await failureOf(client.publish(contract, 1)))?.code),
      );
      expect(codes).toEqual([
        "SERIALIZATION_FAILED",
        "VALIDATION_FAILED",
        "VALIDATION_FAILED",
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
        "SERIALIZATION_FAILED",
      ]);
    }
    expect(driver.published).toEqual([]);
    expect(client.health().pendingPublishes).toBe(0);
  });

  it("whose schema or key function throws is refused with a MessagingError", async () => {
    const { client } = await connected();
    const broken = () => {
      throw new TypeError("broken");
    };
    const codes = await Promise.all(
      [
        topic("s", { schema: schema(broken) }),
        topic("a", { schema: schema(() => Promise.reject(new TypeError("broken"))) }),
        topic("k", { key: broken }),
        topic("n", { key: () => 5 as unknown as string }),
        topic("e", { key: () => "" }),
        topic("h", { key: () => "\ud800" }),
      ].map(async (contract) => (await failureOf(client.publish(contract, 1)))?.code),
    );
    expect(codes).toEqual([
      "VALIDATION_FAILED",
      "VALIDATION_FAILED",
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
    ]);
  });
});

describe("options of a publish", () => {
  it("travel with the message", async () => {
    const { client, driver, clock } = await connected();
    await client.send(queue("jobs"), 1, {
      id: "m-1",
      timestamp: 42.9,
      correlationId: "c-1",
      delayMs: 10.2,
      ttlMs: 499.5,
    });
    await client.publish(Anything, 1);
    expect(driver.sent("jobs")).toMatchObject([
      { id: "m-1", timestamp: 42, correlationId: "c-1", delayMs: 11, expiresAt: clock.now() + 500 },
    ]);
    expect(driver.sent("anything")).toMatchObject([
      { timestamp: clock.now(), delayMs: 0, expiresAt: undefined, key: undefined, replyTo: undefined },
    ]);
  });

  it("ids of one client are unique", async () => {
    const { client, driver } = await connected();
    await client.publishBatch(Anything, new Array(500).fill(1));
    const ids = driver.sent("anything").map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  const wrong: [object, string][] = [
    [{ delay: 5 }, "UNKNOWN_OPTION"],
    [{ id: "" }, "INVALID_ARGUMENT"],
    [{ id: 5 }, "INVALID_ARGUMENT"],
    [{ correlationId: "\ud800" }, "INVALID_ARGUMENT"],
    [{ timestamp: -1 }, "INVALID_ARGUMENT"],
    [{ timestamp: new Date() }, "INVALID_ARGUMENT"],
    [{ delayMs: 60_001 }, "INVALID_ARGUMENT"],
    [{ delayMs: Number.NaN }, "INVALID_ARGUMENT"],
    [{ ttlMs: Number.POSITIVE_INFINITY }, "INVALID_ARGUMENT"],
  ];
  for (const [options, code] of wrong) {
    it(`${JSON.stringify(options)} are ${code}, for one and for many`, async () => {
      const { client, driver } = await connected();
      expect((await failureOf(client.publish(Anything, 1, options)))?.code).toBe(code);
      if (!("id" in options)) {
        expect((await failureOf(client.publishBatch(Anything, [], options)))?.code).toBe(code);
      }
      expect(driver.published).toEqual([]);
    });
  }

  it("one id is not that of a whole batch, and a batch is an array", async () => {
    const { client } = await connected();
    expect((await failureOf(client.publishBatch(Anything, [1], { id: "m" as never })))?.code).toBe(
      "INVALID_ARGUMENT",
    );
    const wrong = "abc" as unknown as unknown[];
    expect((await failureOf(client.publishBatch(Anything, wrong)))?.code).toBe("INVALID_ARGUMENT");
    expect(await client.publishBatch(Anything, [])).toEqual([]);
  });

  it("a delay does not go with an ordering key, which it would break", async () => {
    const { client } = await connected();
    const Keyed = topic("keyed", { key: () => "k" });
    expect((await failureOf(client.publish(Keyed, 1, { delayMs: 5 as never })))?.code).toBe(
      "INVALID_ARGUMENT",
    );
    await client.publish(Keyed, 1, { delayMs: 0 });
  });
});

describe("what the broker lacks", () => {
  const { features: _all, ...without } = everything;
  it("is refused before any I/O, with feature, adapter and remedy", async () => {
    const { client, driver } = await connected({ capabilities: { ...without, features: {} } });
    const Jobs = queue("jobs", { reply: {} });
    const Keyed = topic("keyed", { key: () => "k" });
    const refused = [
      client.publish(Anything, 1, { delayMs: 5 }),
      client.publish(Anything, 1, { ttlMs: 5 }),
      client.publish(Keyed, 1),
      client.publishBatch(Keyed, [1]),
      client.subscribe(Keyed, { group: "g" }, () => {}),
      client.subscribe(Anything, { broadcast: true }, () => {}),
      client.subscribe(Anything, { group: "g", filter: { a: "b" } }, () => {}),
      client.subscribe(topic("kept", { retained: true }), { group: "g", start: "earliest" }, () => {}),
      client.topology.declare({ topic: Anything, group: "g", filter: { a: "b" } }),
      client.topology.declare(Keyed),
      client.topology.declare({ topic: Keyed, group: "g" }),
      client.request(Jobs, 1),
      client.respond(Jobs, () => 1),
    ];
    for (const each of refused) {
      expect(await failureOf(each)).toMatchObject({
        code: "UNSUPPORTED",
        details: { adapter: "scripted" },
        remedy: expect.any(String),
      });
    }
    expect(driver.published).toEqual([]);
    expect(driver.ensured).toEqual([]);
    expect(driver.consumers).toEqual([]);
  });
});

function argumentsOf(..._values: unknown[]): IArguments {
  // biome-ignore lint/complexity/noArguments: this is what is tested
  return arguments;
}

type Validate = StandardSchema["~standard"]["validate"];

function schema(validate: Validate): StandardSchema {
  return { "~standard": { version: 1, vendor: "test", validate } };
}
