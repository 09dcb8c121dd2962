import {
  type Command,
  destinationNames,
  type Outcome,
  type Program,
  thrown,
} from "@waybill/conformance/model";
import fc from "fast-check";

const ms = (...values: readonly number[]) => fc.constantFrom(...values);

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ is: fc.constant("ok" as const), afterMs: ms(0, 1, 300, 7_000) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      is: fc.constant("throw" as const),
      afterMs: ms(0, 1, 500),
      what: fc.oneof({ weight: 3, arbitrary: fc.constant("error" as const) }, fc.constantFrom(...thrown)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record(
      {
        is: fc.constantFrom("ack" as const, "retry" as const, "reject" as const),
        awaited: fc.boolean(),
        next: fc.constantFrom("return" as const, "throw" as const, "hang" as const),
        delayMs: ms(0, 50, 2_000),
      },
      { requiredKeys: ["is", "awaited", "next"] },
    ),
  },
  { weight: 1, arbitrary: fc.record({ is: fc.constant("postpone" as const), delayMs: ms(0, 100, 4_000) }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant("hang" as const), deaf: fc.boolean() }) },
);

const small = fc.nat(2);
const client = fc.nat(1);
const subscription = fc.nat(5);
const timeoutMs = ms(0, 100, 3_000, 30_000);

const commands = {
  publish: fc.record({
    do: fc.constant("publish" as const),
    client,
    to: small,
    key: fc.option(fc.nat(1), { nil: undefined, freq: 4 }),
    count: fc.integer({ min: 1, max: 4 }),
    delayMs: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, ms(1, 200, 5_000)),
    ttlMs: fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, ms(1, 500, 10_000)),
    outcomes: fc.array(outcome, { maxLength: 4 }),
  }),
  subscribe: fc.record({
    do: fc.constant("subscribe" as const),
    client,
    to: small,
    group: client,
    concurrency: fc.constantFrom(1, 2, 5),
    prefetch: fc.constantFrom(undefined, 1, 3, 20),
  }),
  unsubscribe: fc.record({ do: fc.constant("unsubscribe" as const), subscription, timeoutMs }),
  hold: fc.record({ do: fc.constantFrom("pause" as const, "resume" as const), subscription }),
  setConcurrency: fc.record({
    do: fc.constant("setConcurrency" as const),
    subscription,
    concurrency: fc.constantFrom(1, 3),
  }),
  redeploy: fc.record({ do: fc.constant("redeploy" as const), client, timeoutMs }),
  crash: fc.record({ do: fc.constantFrom("crash" as const, "cut" as const), client }),
  outage: fc.record({ do: fc.constant("outage" as const), ms: ms(10, 1_000, 20_000, 60_000) }),
  stallLeases: fc.record({ do: fc.constant("stallLeases" as const), client, ms: ms(1_000, 10_000) }),
  movePartitions: fc.record({ do: fc.constant("movePartitions" as const), by: fc.nat(2) }),
  fault: fc.record({
    do: fc.constant("fault" as const),
    client,
    fault: fc.record({
      call: fc.constantFrom("publish", "settle", "extend", "consume", "closeConsumer", "connect", "ensure"),
      how: fc.constantFrom("refused", "answer lost", "hangs"),
      times: fc.constantFrom(1, 2, 6),
    }),
  }),
  latency: fc.record({ do: fc.constant("latency" as const), client, ms: ms(0, 2, 40) }),
  jump: fc.record({ do: fc.constant("jump" as const), client, ms: ms(-3_600_000, -700, 700, 3_600_000) }),
  redrive: fc.record({ do: fc.constant("redrive" as const), client, to: small, group: client }),
  respond: fc.record({ do: fc.constant("respond" as const), client }),
  request: fc.record({
    do: fc.constant("request" as const),
    client,
    timeoutMs: ms(100, 5_000, 30_000),
    answer: fc.constantFrom("comes", "is slow", "never", "throws", "throws oddly"),
  }),
  pass: fc.record({ do: fc.constant("pass" as const), ms: ms(0, 1, 20, 150, 1_000, 4_000, 15_000, 61_000) }),
} satisfies Record<string, fc.Arbitrary<unknown>>;

/** How often each is drawn. Faults are rarer than work, so that there is work for them to meet. */
const command = fc.oneof(
  { weight: 8, arbitrary: commands.publish },
  { weight: 5, arbitrary: commands.subscribe },
  { weight: 8, arbitrary: commands.pass },
  { weight: 1, arbitrary: commands.unsubscribe },
  { weight: 1, arbitrary: commands.hold },
  { weight: 1, arbitrary: commands.setConcurrency },
  { weight: 2, arbitrary: commands.redeploy },
  { weight: 2, arbitrary: commands.crash },
  { weight: 1, arbitrary: commands.outage },
  { weight: 1, arbitrary: commands.stallLeases },
  { weight: 1, arbitrary: commands.movePartitions },
  { weight: 1, arbitrary: commands.fault },
  { weight: 1, arbitrary: commands.latency },
  { weight: 1, arbitrary: commands.jump },
  { weight: 1, arbitrary: commands.redrive },
  { weight: 1, arbitrary: commands.respond },
  { weight: 1, arbitrary: commands.request },
) as fc.Arbitrary<Command>;

/** Programs of every kind, short ones first. */
export const arbitraryProgram: fc.Arbitrary<Program> = fc.record({
  settings: fc.record({
    maxAttempts: fc.constantFrom(3, 1, 2),
    backoffMs: ms(1_000, 0, 30),
    destinations: fc.uniqueArray(fc.nat(destinationNames.length - 1), { minLength: 1, maxLength: 3 }),
    clients: fc.constantFrom(1, 2),
    schemaMs: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, ms(0, 5)),
    middlewareMs: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, ms(0, 5)),
    drainTimeoutMs: ms(30_000, 1_000),
    leaseMs: ms(30_000, 3_000),
    maxLeaseMs: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, ms(6_000)),
    unhurried: fc.boolean(),
  }),
  commands: fc.array(command, { minLength: 2, maxLength: 18, size: "max" }),
});
