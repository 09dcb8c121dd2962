import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as core from "../src/index.ts";
import { connected, delivery } from "./workbench.ts";

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
