import { describe, expect, it } from "vitest";
import {
  bytes,
  type Codec,
  json,
  type OutgoingMessage,
  type PublishMiddleware,
  queue,
  type StandardSchema,
  topic,
} from "../src/index.ts";
import { connected, delivery, failureOf, gate, never, values } from "./workbench.ts";

interface Order {
  n: number;
  k: string;
}

function schema<T>(validate: (value: T) => unknown): StandardSchema<T> {
  return { "~standard": { version: 1, vendor: "test", validate: validate as never } };
}

const wants = (isGood: (value: Order) => boolean) => (value: Order) =>
  isGood(value) ? { value } : { issues: [{ message: "no" }] };
const soon = () => new Promise<void>((resolve) => setImmediate(resolve));
const waiting: PublishMiddleware = async (_message, next) => {
  await soon();
  return next();
};

describe("what is published is what the application gave at that moment", () => {
  const late = schema<Order>(async (value) => {
    await soon();
    return { value };
  });
  for (const [what, contract, publish] of [
    ["a schema that answers later", { schema: late }, []],
    ["a middleware", {}, [waiting]],
    ["both", { schema: late }, [waiting]],
  ] as const) {
    it(`value and key alike, through ${what}`, async () => {
      const { client, driver } = await connected({}, { middleware: { publish } });
      const Orders = topic<Order>("orders", { key: (order) => order.k, ...contract });
      const order = { n: 0, k: "" };
      const all: Promise<unknown>[] = [];
      for (let n = 0; n < 3; n++) {
        Object.assign(order, { n, k: `k${n}` });
        all.push(client.publish(Orders, order));
      }
      Object.assign(order, { n: -7, k: "later" });
      await Promise.all(all);
      const sent = driver.sent("orders");
      expect(sent.map(({ key }) => key)).toEqual(["k0", "k1", "k2"]);
      expect(values(sent)).toEqual([0, 1, 2].map((n) => ({ n, k: `k${n}` })));
    });
  }

  it("and is what its schema was asked about, however late that looks", async () => {
    const { client, driver } = await connected();
    const isPositive = wants(({ n }) => n > 0);
    const Late = topic<Order>("late", {
      schema: schema(async (value) => {
        await soon();
        return isPositive(value);
      }),
    });
    const Early = topic<Order>("early", { schema: schema(async (value) => isPositive(value)) });
    for (const contract of [Late, Early, Late, Early]) {
      const order = { n: 1, k: "" };
      const stored = client.publish(contract, order);
      order.n = -5;
      await stored;
      const refused = failureOf(client.publish(contract, order));
      order.n = 1;
      expect((await refused)?.code).toBe("VALIDATION_FAILED");
    }
    for (const name of ["late", "early"]) {
      expect(values(driver.sent(name))).toEqual([
        { n: 1, k: "" },
        { n: 1, k: "" },
      ]);
    }
  });

  it("also of a codec that hands on a part of the value, or uses its bytes for the next one", async () => {
    const { client, driver } = await connected();
    const scratch = new Uint8Array(1);
    const codecs: Codec<Uint8Array[]>[] = [
      { ...bytes, encode: ([part]) => part as Uint8Array, decode: (body) => [body] },
      {
        ...bytes,
        encode: ([part]) => {
          scratch.set(part as Uint8Array);
          return scratch;
        },
        decode: (body) => [body],
      },
    ];
    for (const [index, codec] of codecs.entries()) {
      const Parts = topic<Uint8Array[]>(`parts-${index}`, { codec });
      const part = Uint8Array.of(1);
      const all = [client.publish(Parts, [part])];
      part[0] = 2;
      all.push(client.publish(Parts, [part]));
      part[0] = 3;
      await Promise.all(all);
      expect(driver.sent(`parts-${index}`).map(({ body }) => [...body])).toEqual([[1], [2]]);
    }
  });

  it("and one that cannot be read back is not taken for one that its schema has passed", async () => {
    const { client, driver } = await connected();
    const decode = () => {
      throw new Error("not mine");
    };
    const codec = { ...json, decode } as Codec<Order>;
    const WriteOnly = topic<Order>("write-only", { codec, schema: late });
    expect(await failureOf(client.publish(WriteOnly, { n: 1, k: "" }))).toMatchObject({
      code: "SERIALIZATION_FAILED",
      remedy: expect.any(String),
    });
    expect(driver.published).toEqual([]);
  });
});

describe("what is asked and replied is what the application gave at that moment", () => {
  const late = schema<Order>(async (value) => {
    await soon();
    return wants(({ n }) => n > 0)(value);
  });
  const Questions = queue<Order, Order, Order>("questions", { reply: { schema: late } });

  it("however long the inbox takes to open, and also when it is asked again; it counts meanwhile", async () => {
    const { client, driver, clock } = await connected({}, { maxPending: { bytes: 1_000 } });
    const order = { n: 1, k: "first" };
    const first = failureOf(client.request(Questions, order, { timeoutMs: 100 }));
    Object.assign(order, { n: 2, k: "second" });
    const second = failureOf(client.request(Questions, order, { timeoutMs: 100 }));
    Object.assign(order, { n: 3, k: "third" });
    expect((await failureOf(client.request(Questions, { n: 4, k: "x".repeat(1_000) })))?.code).toBe(
      "OVERLOADED",
    );
    await clock.settle();
    const { correlationId } = driver.sent("questions").at(-1) ?? {};
    const headers = { "waybill-reply-refused-at": "5", "waybill-reply-error-code": "x" };
    driver.consumer().deliver(delivery("", { correlationId, headers }));
    await clock.settle();
    expect(values(driver.sent("questions"))).toEqual([
      { n: 1, k: "first" },
      { n: 2, k: "second" },
      { n: 2, k: "second" },
    ]);
    await clock.pass(100);
    expect([(await first)?.code, (await second)?.code]).toEqual(["REQUEST_TIMEOUT", "REQUEST_TIMEOUT"]);
  });

  it("and a reply that is validated is the one that is sent", async () => {
    const { client, driver, clock } = await connected();
    const reply = { n: 1, k: "" };
    await client.respond(Questions, () => {
      setImmediate(() => {
        reply.n = -1;
      });
      return reply;
    });
    const replyTo = "reply-AAAAAAAAAAAAAAAAAAAAAA";
    driver.consumer().deliver(delivery({ n: 1, k: "" }, { replyTo, correlationId: "c" }));
    await clock.settle();
    expect(values(driver.sent(replyTo))).toEqual([{ n: 1, k: "" }]);
  });
});

describe("a publish middleware", () => {
  const Orders = topic<Order>("orders", { key: (order) => order.k });
  const order = () => ({ n: 1, k: "a" });
  const assigning = (member: keyof OutgoingMessage, value: unknown) => (message: OutgoingMessage) => {
    (message as unknown as Record<string, unknown>)[member] = value;
  };
  const changes: [string, (message: OutgoingMessage) => void][] = [
    ["another value", assigning("value", { n: 99, k: "a" })],
    ["another destination", assigning("destination", "other")],
    ["another id", assigning("id", "other")],
    ["another kind", assigning("kind", "queue")],
    ["a member that no message has", assigning("key" as never, "other")],
    ["a part of its value", ({ value }) => void Object.assign(value as Order, { k: "b" })],
    ["a new part of its value", ({ value }) => void Object.assign(value as Order, { more: 1 })],
  ];
  for (const [what, change] of changes) {
    it(`that sets ${what} is refused, at once or later, and nothing is sent`, async () => {
      for (const isLate of [false, true]) {
        const publish: PublishMiddleware = async (message, next) => {
          if (isLate) await soon();
          change(message);
          return next();
        };
        const { client, driver } = await connected({}, { middleware: { publish: [publish] } });
        const given = order();
        const error = await failureOf(client.publish(Orders, given));
        expect(error).toMatchObject({ remedy: expect.stringContaining("headers only") });
        expect(driver.published).toEqual([]);
        expect(given).toEqual(order());
        expect(Object.isFrozen(given)).toBe(false);
      }
    });
  }

  it("that changes bytes of its value is refused, wherever they are", async () => {
    const Bytes = topic<Uint8Array>("bytes", { codec: bytes });
    const Parts = topic<{ part: Uint8Array }>("parts", {
      codec: { ...bytes, encode: ({ part }) => part, decode: (part) => ({ part }) },
    });
    const publish: PublishMiddleware = (message, next) => {
      const value = message.value as Uint8Array & { part?: Uint8Array };
      const body = value.part ?? value;
      if (body.length > 1) body[0] = 9;
      return next();
    };
    const { client, driver } = await connected({}, { middleware: { publish: [publish] } });
    for (const changed of [
      client.publish(Bytes, Uint8Array.of(1, 2)),
      client.publish(Parts, { part: Uint8Array.of(1, 2) }),
    ])
      expect((await failureOf(changed))?.code).toBe("INVALID_ARGUMENT");
    expect(driver.published).toEqual([]);
    await client.publish(Bytes, Uint8Array.of(1));
    expect(driver.sent("bytes").map(({ body }) => [...body])).toEqual([[1]]);
  });

  it("freezes nothing that may belong to a codec", async () => {
    const shared = new (class Money {
      readonly currency = { name: "EUR" };
    })();
    const Prices = topic<unknown>("prices", { codec: { ...json, decode: () => ({ shared }) } });
    const looking: PublishMiddleware = (message, next) => {
      expect(Object.isFrozen(message.value)).toBe(true);
      return next();
    };
    const { client } = await connected({}, { middleware: { publish: [looking] } });
    await client.publish(Prices, 1);
    expect(Object.isFrozen(shared) || Object.isFrozen(shared.currency)).toBe(false);
  });

  it("is shown one value however often it looks, and hears of one that is refused", async () => {
    const seen: unknown[] = [];
    const publish: PublishMiddleware = async (message, next) => {
      expect(message.value).toBe(message.value);
      seen.push({ ...message, id: "", headers: {} });
      try {
        return await next();
      } catch (error) {
        seen.push((error as { code: string }).code);
        throw error;
      }
    };
    const { client } = await connected({}, { middleware: { publish: [publish] } });
    const Picky = queue<Order>("picky", { schema: schema(wants(({ n }) => n > 0)) });
    await client.send(Picky, { n: 1, k: "" });
    expect((await failureOf(client.send(Picky, { n: 0, k: "" })))?.code).toBe("VALIDATION_FAILED");
    const shown = (n: number) => ({
      kind: "queue",
      destination: "picky",
      id: "",
      headers: {},
      value: { n, k: "" },
    });
    expect(seen).toEqual([shown(1), shown(0), "VALIDATION_FAILED"]);
  });
});

describe("publishes with steps", () => {
  const hanging: PublishMiddleware = (message, next) =>
    String(message.value).endsWith("!") ? never : next();

  it("wait for nobody where they have no key", async () => {
    const { client, driver, clock } = await connected(
      {},
      { publishTimeoutMs: 1_000, middleware: { publish: [hanging] } },
    );
    const Plain = topic<string>("plain");
    const stuck = failureOf(client.publish(Plain, "stuck!"));
    await Promise.all([client.publish(Plain, "1"), client.publish(Plain, "2")]);
    const Partly = topic<string>("partly", { key: (value) => (value.startsWith("k") ? "k" : undefined) });
    const stuckToo = failureOf(client.publish(Partly, "stuck!"));
    await Promise.all([client.publish(Partly, "3"), client.publish(Partly, "k")]);
    expect(values(driver.published.flatMap(({ batch }) => batch))).toEqual(["1", "2", "3", "k"]);
    await clock.pass(1_000);
    expect([(await stuck)?.code, (await stuckToo)?.code]).toEqual(["TIMEOUT", "TIMEOUT"]);
  });

  it("wait for those of their own key only, also where they need no steps themselves", async () => {
    const { client, driver, clock } = await connected({}, { publishTimeoutMs: 1_000 });
    const Keyed = topic<string>("keyed", {
      key: (value) => value.slice(0, 1),
      schema: schema((value) => (value.endsWith("!") ? never : { value })),
    });
    const stuck = failureOf(client.publish(Keyed, "a!"));
    let isStored = false;
    const behind = client.publish(Keyed, "a2").then(() => {
      isStored = true;
    });
    await client.publish(Keyed, "b1");
    await client.publish(Keyed, "b2");
    expect(isStored).toBe(false);
    await clock.pass(1_000);
    expect((await stuck)?.code).toBe("TIMEOUT");
    await behind;
    expect(values(driver.sent("keyed"))).toEqual(["b1", "b2", "a2"]);
  });

  it("count as pending with all their bytes, and are let through once they are let in", async () => {
    const step = gate();
    const publish: PublishMiddleware = async (message, next) => {
      await step.opened;
      message.headers.added = "x".repeat(500);
      return next();
    };
    const { client, driver } = await connected(
      {},
      { maxPending: { bytes: 1_000 }, middleware: { publish: [publish] } },
    );
    const Bytes = topic<Uint8Array>("bytes", { codec: bytes, key: () => "k" });
    const first = client.publish(Bytes, new Uint8Array(900));
    expect((await failureOf(client.publish(Bytes, new Uint8Array(200))))?.code).toBe("OVERLOADED");
    const small = client.publish(Bytes, new Uint8Array(1));
    expect(client.health().pendingPublishes).toBe(2);
    step.open();
    await small;
    await first;
    expect(driver.sent("bytes").map(({ body }) => body.length)).toEqual([900, 1]);
    expect(client.health().pendingPublishes).toBe(0);
    await client.publish(Bytes, new Uint8Array(900));
  });
});
