import { describe, expectTypeOf, it } from "vitest";
import {
  type Capabilities,
  type Client,
  connect,
  type Delivery,
  type Driver,
  deduplicate,
  type FeaturesOf,
  MessagingError,
  memoryDeduplicationStore,
  type Observer,
  type PublishBatchOptions,
  type Publisher,
  type PublishOptions,
  queue,
  type Receipt,
  type StandardSchema,
  type SubscribeOptions,
  type Subscriber,
  topic,
  UnsupportedError,
} from "../src/index.ts";
import type { everything } from "./scripted-driver.ts";

interface Order {
  readonly id: string;
  readonly placed: Date;
}

declare const schema: StandardSchema<{ id: string; placed: string }, Order>;
type Schema = typeof schema;

const Orders = topic<{ id: string; placed: string }, Order>("orders");
const Keyed = topic<string>("keyed", { key: (value) => value });
const KeyedJobs = queue<number>("keyed-jobs", { key: String });
const Jobs = queue<number>("jobs");
const Questions = queue<number, number, string, Date>("questions", { reply: {} });

type Able = Client<FeaturesOf<typeof everything>>;
/** Of a driver that can do nothing but expire messages. */
type Unable = Client<
  FeaturesOf<{ readonly features: { readonly ttl: { readonly how: "native" } } } & Capabilities>
>;

/** Checked by the compiler, never run. */
function compiles(_program: () => unknown): void {}

describe("the compiler", () => {
  it("lets payload types flow from the contract: what goes in, and what its schema makes of it", () => {
    compiles(async () => {
      const client = await connect("memory:");
      expectTypeOf(client.publish(Orders, { id: "o", placed: "now" })).resolves.toEqualTypeOf<Receipt>();
      // @ts-expect-error a Date is what comes out, not what goes in
      await client.publish(Orders, { id: "o", placed: new Date() });
      // @ts-expect-error a member is missing
      await client.publish(Orders, { id: "o" });
      // @ts-expect-error one of the batch is wrong
      await client.sendBatch(Jobs, [1, "2"]);
      await client.subscribe(Orders, { group: "billing" }, (order, delivery) => {
        expectTypeOf(order).toEqualTypeOf<Order>();
        expectTypeOf(delivery).toEqualTypeOf<Delivery<Order>>();
      });
      for await (const { value } of client.messages(Jobs)) expectTypeOf(value).toEqualTypeOf<number>();
    });
  });

  it("infers a contract from its schema and its key from the schema's input", () => {
    compiles((schema: Schema = undefined as never) => {
      const contract = topic("orders", {
        schema,
        key: (order) => {
          expectTypeOf(order).toEqualTypeOf<{ id: string; placed: string }>();
          return order.id;
        },
      });
      expectTypeOf(contract.key).parameter(0).toEqualTypeOf<{ id: string; placed: string }>();
    });
  });

  it("tells topics from queues", () => {
    compiles(async (client: Able = undefined as never) => {
      // @ts-expect-error a queue is sent to
      await client.publish(Jobs, 1);
      // @ts-expect-error a topic is published to
      await client.send(Orders, { id: "o", placed: "now" });
      // @ts-expect-error a topic is subscribed to by a group, or as a broadcast
      await client.subscribe(Orders, {}, () => {});
      // @ts-expect-error but not both
      await client.subscribe(Orders, { group: "g", broadcast: true }, () => {});
    });
  });

  it("refuses what the driver in hand cannot do", () => {
    compiles(async (client: Unable = undefined as never) => {
      await client.send(Jobs, 1, { ttlMs: 5 });
      // @ts-expect-error no delay
      await client.send(Jobs, 1, { delayMs: 5 });
      // @ts-expect-error no filters
      await client.subscribe(Orders, { group: "g", filter: { a: "b" } }, () => {});
      // @ts-expect-error no broadcast
      await client.subscribe(Orders, { broadcast: true }, () => {});
      // @ts-expect-error no new groups in the past
      await client.subscribe(Orders, { group: "g", start: "earliest" }, () => {});
      // @ts-expect-error no request
      await client.request(Questions, 1);
      // @ts-expect-error no respond
      await client.respond(Questions, () => "yes");
      // @ts-expect-error no order, so no key to wait
      await client.subscribe(Keyed, { group: "g", afterDeadLetter: "block" }, () => {});
      await client.consume(Jobs, { afterDeadLetter: undefined }, () => {});
      // @ts-expect-error no filters for groups that are declared either
      await client.topology.declare({ topic: Orders, group: "g", filter: { a: "b" } });
    });
  });

  it("offers a responder neither to retry nor to reject its request", () => {
    compiles(async (client: Able = undefined as never) => {
      await client.respond(Questions, (_value, request) => {
        void request.ack();
        // @ts-expect-error it is answered once
        void request.retry();
        // @ts-expect-error as above
        void request.reject();
        return request.id;
      });
    });
  });

  it("offers what follows a dead-lettered message of a key only for contracts with a key", () => {
    compiles(async (client: Able = undefined as never) => {
      await client.subscribe(Keyed, { group: "g", afterDeadLetter: "block" }, (value) => {
        expectTypeOf(value).toEqualTypeOf<string>();
      });
      await client.consume(KeyedJobs, { afterDeadLetter: "block" }, () => {});
      client.messages(KeyedJobs, { afterDeadLetter: "block" });
      client.messages(Keyed, { group: "g", afterDeadLetter: "block" });
      await client.consume(Jobs, { afterDeadLetter: "continue" }, () => {});
      // @ts-expect-error no key
      await client.consume(Jobs, { afterDeadLetter: "block" }, () => {});
      // @ts-expect-error no key
      await client.subscribe(Orders, { group: "g", afterDeadLetter: "block" }, () => {});
      // @ts-expect-error no key
      client.messages(Jobs, { afterDeadLetter: "block" });
      // @ts-expect-error a broadcast has no dead-letter queue
      await client.subscribe(Keyed, { broadcast: true, afterDeadLetter: "block" }, () => {});
      // @ts-expect-error a responder answers each request once
      await client.respond(Questions, { afterDeadLetter: "block" }, () => "yes");
      const url = await connect("memory:", { requires: ["ordering"] });
      await url.consume(KeyedJobs, { afterDeadLetter: "block" }, () => {});
      const plain = await connect("memory:");
      // @ts-expect-error `requires` does not name it
      await plain.consume(KeyedJobs, { afterDeadLetter: "block" }, () => {});
    });
  });

  it("allows what the driver in hand can do", () => {
    compiles(async (driver: Driver<typeof everything> = undefined as never) => {
      const client = await connect(driver);
      expectTypeOf(client).toEqualTypeOf<Able>();
      await client.send(Jobs, 1, { delayMs: 5, ttlMs: 5 });
      await client.subscribe(Orders, { group: "g", filter: { a: "b" }, start: "earliest" }, () => {});
      await client.subscribe(Orders, { broadcast: true, start: { position: "1" } }, () => {});
      expectTypeOf(client.request(Questions, 1)).resolves.toEqualTypeOf<Date>();
      await client.respond(Questions, (value) => {
        expectTypeOf(value).toEqualTypeOf<number>();
        return "yes";
      });
      // @ts-expect-error the reply is text
      await client.respond(Questions, () => 5);
    });
  });

  it("refuses with a URL alone what not every broker can do", () => {
    compiles(async () => {
      const client = await connect("memory:");
      await client.send(Jobs, 1);
      // @ts-expect-error not required
      await client.send(Jobs, 1, { delayMs: 5 });
      // @ts-expect-error not required
      await client.subscribe(Orders, { group: "g", filter: { a: "b" } }, () => {});
      // @ts-expect-error not required
      await client.subscribe(Orders, { broadcast: true, start: "earliest" }, () => {});
      // @ts-expect-error not required
      await client.request(Questions, 1);
    });
  });

  it("allows with a URL what `requires` names, and no more", () => {
    compiles(async () => {
      const client = await connect("memory:", { requires: ["delay", "filters", "requestReply"] });
      expectTypeOf(client).toEqualTypeOf<Client<"delay" | "filters" | "requestReply">>();
      await client.send(Jobs, 1, { delayMs: 5 });
      await client.subscribe(Orders, { group: "g", filter: { a: "b" } }, () => {});
      await client.request(Questions, 1);
      // @ts-expect-error not required
      await client.send(Jobs, 1, { ttlMs: 5 });
      const same = await connect({ url: "memory:", requires: ["delay"] });
      await same.send(Jobs, 1, { delayMs: 5 });
      // @ts-expect-error no feature of that name
      await connect("memory:", { requires: ["teleport"] });
    });
  });

  it("lets a function ask for no more than it needs", () => {
    compiles((client: Able = undefined as never) => {
      const publishes = (_publisher: Publisher) => {};
      const delays = (_publisher: Publisher<"delay">) => {};
      const subscribes = (_subscriber: Subscriber<"broadcast">) => {};
      publishes(client);
      delays(client);
      subscribes(client);
    });
  });

  it("demands a group on a client from a URL too", () => {
    compiles(async () => {
      const client = await connect("memory:");
      await client.subscribe(Orders, { group: "g" }, () => {});
      // @ts-expect-error no group
      await client.subscribe(Orders, {}, () => {});
      // @ts-expect-error no group
      client.messages(Orders, { concurrency: 5 });
    });
  });

  it("takes a client with more features where fewer are asked for, and not the other way round", () => {
    compiles((able: Able = undefined as never, few: Client<"delay"> = undefined as never) => {
      const none: Client = able;
      const one: Client<"delay"> = able;
      const asking: Client<"requestReply" | "ttl"> = able;
      const still: Client = few;
      // @ts-expect-error it cannot expire messages
      const more: Client<"delay" | "ttl"> = few;
      return [none, one, asking, still, more];
    });
  });

  it("keeps the driver's features, however the driver is given", () => {
    compiles(async (driver: Driver<typeof everything> = undefined as never) => {
      expectTypeOf(await connect({ driver })).toEqualTypeOf<Able>();
      expectTypeOf(await connect({ driver, prefix: "x." })).toEqualTypeOf<Able>();
    });
  });

  it("names `requires` where a feature is missing", () => {
    type Missing<Named extends string> = { readonly [K in `add "${Named}" to \`requires\``]: never };
    expectTypeOf<NonNullable<PublishOptions<never>["delayMs"]>>().toExtend<Missing<"delay">>();
    expectTypeOf<Parameters<Client["request"]>[0]>().toExtend<Missing<"requestReply">>();
    expectTypeOf<NonNullable<SubscribeOptions<never>["broadcast"]>>().toExtend<Missing<"broadcast">>();
  });

  it("refuses to ask a queue without `reply`, or to answer for it", () => {
    compiles(async (client: Able = undefined as never) => {
      await client.request(Questions, 1);
      // @ts-expect-error no reply
      await client.request(Jobs, 1);
      // @ts-expect-error no reply
      await client.respond(Jobs, () => 1);
      // @ts-expect-error a type of replies, and no reply
      queue<number, number, string>("silent");
    });
  });

  it("takes `undefined` for every option that may be left out", () => {
    compiles(async (signal: AbortSignal | undefined = undefined, n: number | undefined = undefined) => {
      const client = await connect("memory:", {
        requires: ["delay", "ttl", "filters", "requestReply", "broadcast"],
        topology: undefined,
        maxPending: { messages: n, bytes: n },
        reconnect: { initialMs: n, maxMs: n },
        middleware: { publish: undefined, handle: undefined },
        observer: undefined,
        onError: undefined,
        logger: undefined,
        clock: undefined,
        env: undefined,
      });
      await client.publish(
        Orders,
        { id: "o", placed: "now" },
        { signal, delayMs: n, ttlMs: n, id: undefined },
      );
      await client.subscribe(
        Orders,
        { group: "g", signal, filter: undefined, retry: { maxAttempts: n } },
        () => {},
      );
      await client.subscribe(Orders, { group: "g", broadcast: undefined, deadLetter: undefined }, () => {});
      await client.request(Questions, 1, { signal, timeoutMs: n, headers: undefined });
      await client.redrive({ queue: Jobs }, { signal, max: n, filter: undefined, dryRun: undefined });
      await client.close({ timeoutMs: n });
      topic<number>("t", { key: undefined, schema: undefined, codec: undefined, retained: undefined });
      deduplicate({ store: memoryDeduplicationStore({ max: n }), key: undefined });
      const without = await connect("memory:");
      await without.publish(Orders, { id: "o", placed: "now" }, { delayMs: undefined, signal });
      const observer: Observer = {
        published: undefined,
        received: undefined,
        handled: async () => {},
        settled: undefined,
        keyBlocked: undefined,
        connection: undefined,
      };
      await connect("memory:", { observer });
    });
  });

  it("lets options be handed on to a contract with an ordering key, where the client has no delays", () => {
    compiles(async () => {
      const publisher: Publisher = await connect("memory:");
      const delaying: Publisher<"delay"> = await connect("memory:", { requires: ["delay"] });
      const Keyed = topic("keyed", { key: (value: { id: string }) => value.id });
      const handOn = (options: PublishOptions<never>) => publisher.publish(Keyed, { id: "a" }, options);
      const handOnAll = (options: PublishBatchOptions<never>) =>
        publisher.publishBatch(Keyed, [{ id: "a" }], options);
      const handOnDelay = (options: PublishOptions<"delay">) =>
        // @ts-expect-error a delay would break its order
        delaying.publish(Keyed, { id: "a" }, options);
      // @ts-expect-error the same, named
      await delaying.publish(Keyed, { id: "a" }, { delayMs: 5 });
      return [handOn, handOnAll, handOnDelay];
    });
  });

  it("narrows to the class that was asked for", () => {
    compiles((error: unknown = undefined) => {
      if (UnsupportedError.isInstance(error)) expectTypeOf(error).toEqualTypeOf<UnsupportedError>();
      if (MessagingError.isInstance(error)) expectTypeOf(error).toEqualTypeOf<MessagingError>();
    });
  });

  it("knows the key of a queue that replies", () => {
    compiles(async (able: Able = undefined as never) => {
      const KeyedQuestions = queue<number, number, string>("keyed-questions", { key: String, reply: {} });
      await able.consume(KeyedQuestions, { afterDeadLetter: "block" }, () => {});
      expectTypeOf(await able.request(KeyedQuestions, 1)).toEqualTypeOf<string>();
      // @ts-expect-error no key
      await able.consume(Questions, { afterDeadLetter: "block" }, () => {});
    });
  });

  it("refuses to hold a key for a message that is discarded", () => {
    compiles(async (able: Able = undefined as never) => {
      await able.consume(KeyedJobs, { deadLetter: "discard", afterDeadLetter: "continue" }, () => {});
      await able.consume(KeyedJobs, { deadLetter: Jobs, afterDeadLetter: "block" }, () => {});
      // @ts-expect-error nothing that could be redriven
      await able.consume(KeyedJobs, { deadLetter: "discard", afterDeadLetter: "block" }, () => {});
      // @ts-expect-error the same of a topic
      await able.subscribe(Keyed, { group: "g", deadLetter: "discard", afterDeadLetter: "block" }, () => {});
    });
  });

  it("refuses one id for a whole batch", () => {
    compiles(async (able: Able = undefined as never) => {
      await able.publishBatch(Keyed, ["a"], { headers: { of: "all" } });
      await able.publish(Keyed, "a", { id: "a" });
      // @ts-expect-error each message has its own
      await able.publishBatch(Keyed, ["a"], { id: "a" });
      // @ts-expect-error the same of a queue
      await able.sendBatch(Jobs, [1], { id: "1" });
    });
  });

  it("refuses a delay where a key keeps order", () => {
    compiles(async (able: Able = undefined as never) => {
      await able.send(Jobs, 1, { delayMs: 1_000 });
      await able.sendBatch(Jobs, [1], { delayMs: 1_000 });
      await able.send(KeyedJobs, 1, { delayMs: 0, ttlMs: 1_000 });
      // @ts-expect-error a delay would break its order
      await able.send(KeyedJobs, 1, { delayMs: 1_000 });
      // @ts-expect-error of a batch as well
      await able.sendBatch(KeyedJobs, [1], { delayMs: 1_000 });
      // @ts-expect-error of a topic as well
      await able.publish(Keyed, "a", { delayMs: 1_000 });
      // @ts-expect-error of a batch to a topic as well
      await able.publishBatch(Keyed, ["a"], { delayMs: 1_000 });
    });
  });
});
