import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as core from "../src/index.ts";
import { connected, delivery, failureOf } from "./workbench.ts";

const Jobs = core.queue<number>("jobs");
const Orders = core.topic<number>("orders");
const Questions = core.queue<number, number, number>("questions", { reply: {} });

/** What a program without types might pass. */
const odd = fc.oneof(
  fc.constantFrom<unknown[]>(
    undefined,
    null,
    0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "",
    "x",
    true,
    false,
    5n,
    Symbol("x"),
    [],
    [null],
    {},
    Object.create(null),
    () => {},
    new Map(),
    new Date(Number.NaN),
    Jobs,
    Orders,
  ),
  fc.dictionary(
    fc.constantFrom(
      ...["kind", "name", "queue", "topic", "group", "signal", "headers", "id", "delayMs", "ttlMs", "retry"],
      ...["timeoutMs", "filter", "start", "broadcast", "concurrency", "prefetch", "deadLetter", "use", "max"],
      ...["store", "key", "schema", "codec", "reply", "url", "driver", "specVersion", "capabilities", "env"],
      ...[
        "observer",
        "logger",
        "middleware",
        "adapters",
        "requires",
        "prefix",
        "names",
        "maxLeaseMs",
        "reconnect",
      ],
    ),
    fc.constantFrom<unknown>(undefined, null, 0, Number.NaN, "", "x", [], [null], {}, () => {}, Jobs, Orders),
    { maxKeys: 3 },
  ),
);

type Call = (...given: never[]) => unknown;

/** Every public function and method. */
async function calls(): Promise<Record<string, Call>> {
  const { client } = await connected();
  const methods = [
    "publish",
    "publishBatch",
    "send",
    "sendBatch",
    "subscribe",
    "consume",
    "messages",
  ] as const;
  const others = ["request", "respond", "redrive"] as const;
  const found: Record<string, Call> = {};
  for (const name of [...methods, ...others]) found[name] = (...given) => (client[name] as Call)(...given);
  for (const name of ["declare", "inspect", "remove"] as const)
    found[`topology.${name}`] = (...given) => (client.topology[name] as Call)(...given);
  found.close = async (...given) => {
    const other = await connected();
    await (other.client.close as Call)(...given);
  };
  for (const name of [
    "connect",
    "topic",
    "queue",
    "deadLetterOf",
    "deadLetterDetails",
    "adapterPackageOf",
  ] as const)
    found[name] = (...given) => (Reflect.get(core, name) as Call)(...given);
  for (const name of ["deduplicate", "memoryDeduplicationStore"] as const)
    found[name] = (...given) => (Reflect.get(core, name) as Call)(...given);
  // With a contract that is right, so that what follows it is looked at.
  const right: [keyof typeof client & string, unknown][] = [
    ["publish", Orders],
    ["publishBatch", Orders],
    ["send", Jobs],
    ["subscribe", Orders],
    ["consume", Jobs],
    ["messages", Jobs],
    ["request", Questions],
    ["respond", Questions],
    ["redrive", { queue: Jobs }],
  ];
  for (const [name, contract] of right)
    found[`${name} of a contract`] = (...given) => (client[name] as Call)(contract as never, ...given);
  return found;
}

type Throws = () => never;

const codecWith = (changes: object) => ({ ...core.json, ...changes }) as core.Codec<number>;
const schemaWith = (validate: Throws) => ({ "~standard": { version: 1, vendor: "test", validate } }) as const;

/** The answer to a request, as its contract reads it. */
async function answeredWith(reply: core.PayloadOptions<number, number>): Promise<unknown> {
  const { client, driver, clock } = await connected();
  const asked = client.request(core.queue<number, number, number>("questions", { reply }), 1);
  asked.catch(() => {});
  await clock.settle();
  const { correlationId } = driver.sent("questions")[0] ?? {};
  driver.consumer().deliver(delivery(1, { correlationId }));
  return asked;
}

async function publishedWith(options: core.TopicOptions<number, number>): Promise<unknown> {
  const { client } = await connected();
  return client.publish(core.topic<number>("orders", options), 1);
}

/** Every public call that asks the application something while its caller waits, and what it is told as. */
const throwingCallbacks: Readonly<
  Record<string, { readonly code: core.ErrorCode; readonly call: (throws: Throws) => unknown }>
> = {
  "the key function of a publish": {
    code: "INVALID_ARGUMENT",
    call: (key) => publishedWith({ key }),
  },
  "the key function of a batch": {
    code: "INVALID_ARGUMENT",
    call: async (key) => (await connected()).client.publishBatch(core.topic<number>("orders", { key }), [1]),
  },
  "the schema of a publish": {
    code: "VALIDATION_FAILED",
    call: (validate) => publishedWith({ schema: schemaWith(validate) }),
  },
  "the codec of a publish": {
    code: "SERIALIZATION_FAILED",
    call: (encode) => publishedWith({ codec: codecWith({ encode }) }),
  },
  "a getter of what is published": {
    code: "SERIALIZATION_FAILED",
    call: async (get) =>
      (await connected()).client.publish(
        Orders,
        Object.defineProperty({}, "a", { get, enumerable: true }) as never,
      ),
  },
  "a `toJSON` of what is published": {
    code: "SERIALIZATION_FAILED",
    call: async (toJSON) => (await connected()).client.publish(Orders, { toJSON } as never),
  },
  "a publish middleware": {
    code: "HANDLER_FAILED",
    call: async (throws) => {
      const { client } = await connected({}, { middleware: { publish: [throws] } });
      return client.publish(Orders, 1);
    },
  },
  "a publish middleware, later": {
    code: "HANDLER_FAILED",
    call: async (throws) => {
      const { client } = await connected({}, { middleware: { publish: [async () => throws()] } });
      return client.publish(Orders, 1);
    },
  },
  "the codec of a request": {
    code: "SERIALIZATION_FAILED",
    call: async (encode) => {
      const contract = core.queue<number, number, number>("q", { codec: codecWith({ encode }), reply: {} });
      return (await connected()).client.request(contract, 1);
    },
  },
  "the schema of a request": {
    code: "VALIDATION_FAILED",
    call: async (validate) => {
      const contract = core.queue<number, number, number>("q", { schema: schemaWith(validate), reply: {} });
      return (await connected()).client.request(contract, 1);
    },
  },
  "the codec of a reply": {
    code: "DECODE_FAILED",
    call: (decode) => answeredWith({ codec: codecWith({ decode }) }),
  },
  "the schema of a reply": {
    code: "VALIDATION_FAILED",
    call: (validate) => answeredWith({ schema: schemaWith(validate) }),
  },
  "the filter of a redrive": {
    code: "INVALID_ARGUMENT",
    call: async (filter) => {
      const { client, driver, clock } = await connected({ inspect: () => ({ backlog: 1 }) });
      const report = client.redrive({ queue: Jobs }, { filter });
      report.catch(() => {});
      await clock.settle();
      driver.consumer().deliver(delivery(1));
      await clock.pass(100);
      return report;
    },
  },
  "an adapter that makes its driver": {
    code: "INVALID_ARGUMENT",
    call: (fromUrl) => core.connect("mine:", { adapters: [{ name: "mine", schemes: ["mine"], fromUrl }] }),
  },
};

describe("no public call", () => {
  it("lets a TypeError out, whatever it is given: what is refused is refused as a MessagingError", async () => {
    const all = await calls();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(all)),
        fc.array(odd, { maxLength: 4 }),
        async (name, given) => {
          let error: unknown;
          try {
            const result = all[name]?.(...(given as never[]));
            const ended = Promise.resolve(result as Promise<unknown>).then(
              () => undefined,
              (cause: unknown) => cause,
            );
            error = await Promise.race([ended, new Promise((resolve) => setImmediate(resolve))]);
            ended.catch(() => {});
          } catch (cause) {
            error = cause;
          }
          if (error !== undefined)
            expect(core.MessagingError.isInstance(error), `${name}: ${String(error)}`).toBe(true);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it("lets out what an object throws that refuses to be read", async () => {
    const { client } = await connected();
    const refusing = new Proxy(
      {},
      { get: refuse, ownKeys: refuse, has: refuse, getPrototypeOf: refuse },
    ) as never;
    // Nothing is in it, and looking for something throws.
    const unreadable = new Proxy({}, { get: refuse }) as never;
    const read = await failureOf(Promise.race([client.messages(Jobs, unreadable).next(), Promise.resolve()]));
    expect(read === undefined || core.MessagingError.isInstance(read), String(read)).toBe(true);
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const subscription = await client.consume(Jobs, () => {});
    for (const odd of [refusing, proxy as never, null as never, Symbol("x") as never]) {
      const tries: (() => unknown)[] = [
        () => core.topic("a", odd),
        () => core.topic("a", { schema: odd }),
        () => core.queue("a", { codec: odd }),
        () => core.circuitBreaker({ pauseMs: odd }),
        () => client.publish(odd, 1),
        () => client.publish(Orders, 1, odd),
        () => client.publish(Orders, 1, { signal: odd }),
        () => client.publish(Orders, 1, { headers: odd }),
        () => client.subscribe(Orders, odd, () => {}),
        () => client.consume(Jobs, { retry: odd }, () => {}),
        () => client.request(Questions, 1, odd),
        () => subscription.setConcurrency(odd),
        () => core.connect(odd),
        () => core.connect({ url: odd }),
        () => core.connect({ driver: odd }),
        () => core.connect("memory:", { names: odd }),
        () => core.connect("memory:", { adapters: odd }),
        () => core.connect("memory:", { requires: odd }),
        () => core.connect("memory:", { observer: odd }),
        () => core.connect("memory:", { clock: odd }),
        () => core.connect("memory:", { logger: odd }),
        () => core.deadLetterOf(odd),
        () => core.deadLetterOf({ queue: odd }),
        () => core.deadLetterDetails(odd),
        () => core.deduplicate({ store: odd }),
        () => client.publishBatch(Orders, odd),
        () => client.consume(Jobs, { use: odd }, () => {}),
        () => client.subscribe(Orders, { group: "g", start: odd }, () => {}),
        () => client.subscribe(Orders, { group: "g", filter: odd }, () => {}),
        () => client.messages(odd).next(),
        () => client.messages(Jobs, odd).next(),
        () => client.redrive(odd),
        () => client.redrive({ queue: odd }),
        () => client.redrive({ topic: odd, group: "g" }),
        () => client.redrive({ queue: Jobs }, odd),
        () => client.redrive({ queue: Jobs }, { deadLetter: odd }),
        () => client.topology.declare(odd),
        () => client.topology.inspect({ topic: odd, group: "g" }),
        () => client.topology.remove(odd),
        () => client.topology.declare({ topic: Orders, group: "g", start: odd }),
        () => client.topology.declare({ topic: Orders, group: "g", filter: odd }),
        () => subscription.close({ timeoutMs: odd }),
      ];
      for (const each of tries) {
        const error = await new Promise((resolve) => resolve(each())).catch((cause: unknown) => cause);
        expect(core.MessagingError.isInstance(error), `${each}: ${String(error)}`).toBe(true);
      }
    }
    expect(new core.MessagingError("MINE" as never, "no").retryable).toBe(false);
  });

  describe("lets out what a callback of the application throws", () => {
    const thrown = [new TypeError("no"), "text", undefined, Object.create(null), Symbol("x")];
    for (const [name, { code, call }] of Object.entries(throwingCallbacks)) {
      it(`${name}: ${code}`, async () => {
        for (const cause of thrown) {
          const throws = () => {
            throw cause;
          };
          const error = await new Promise((resolve) => resolve(call(throws))).catch(
            (failed: unknown) => failed,
          );
          expect(core.MessagingError.isInstance(error), String(name)).toBe(true);
          const { failures: [first] = [] } = error as Partial<core.PartialFailureError>;
          expect(first?.error ?? error).toMatchObject({ code, remedy: expect.any(String) });
          // What connecting throws may hold the whole URL, so that it is kept by nobody.
          if (!name.startsWith("an adapter")) expect((first?.error ?? (error as Error)).cause).toBe(cause);
        }
      });
    }
  });

  it("works also when it was taken from its object", async () => {
    const { client, driver, clock } = await connected();
    const { publish, send, consume, health, topology, close } = client;
    const { inspect } = topology;
    const began: number[] = [];
    const {
      pause,
      resume,
      setConcurrency,
      close: closeSubscription,
    } = await consume(Jobs, (value) => {
      began.push(value);
    });
    pause();
    expect(health().subscriptions[0]?.state).toBe("paused");
    setConcurrency(2);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(began).toEqual([]);
    resume();
    await clock.settle();
    expect(began).toEqual([1]);
    await publish(Orders, 1);
    await send(Jobs, 2);
    await inspect(Jobs);
    await closeSubscription();
    await close();
    expect(health()).toMatchObject({ status: "closed", subscriptions: [] });
  });
});

function refuse(): never {
  throw new TypeError("no");
}
