import assert from "node:assert/strict";
import { type AnyQueue, connect, MessagingError } from "@waybill/core";
import type { Capabilities, Driver, Feature } from "@waybill/core/spi";
import type { AnyClient } from "./any-client.ts";
import type { Context } from "./context.ts";
import { failure } from "./failing.ts";
import { wrapDriver } from "./wrap.ts";

/** The names of the calls that reached the broker. */
export type Calls = string[];

/** A driver that notes every call that would reach the broker. */
export function watched(driver: Driver): { readonly driver: Driver; readonly calls: Calls } {
  const calls: Calls = [];
  return {
    calls,
    driver: wrapDriver(driver, {
      connecting: () => calls.push("connect"),
      connection: (connection) => ({
        publish: (to, batch, call) => {
          calls.push("publish");
          return connection.publish(to, batch, call);
        },
        consume: (from, hooks, call) => {
          calls.push("consume");
          return connection.consume(from, hooks, call);
        },
        topology: {
          ensure: (items, call) => {
            calls.push("ensure");
            return connection.topology.ensure(items, call);
          },
          inspect: (addresses, call) => {
            calls.push("inspect");
            return connection.topology.inspect(addresses, call);
          },
          remove: (addresses, call) => {
            calls.push("remove");
            return connection.topology.remove(addresses, call);
          },
        },
      }),
    }),
  };
}

/** The same driver, declaring less: so every refusal can be proven on every adapter. */
export function withCapabilities(driver: Driver, capabilities: Capabilities): Driver {
  return { ...wrapDriver(driver, {}), capabilities };
}

/** The same driver without this feature. */
function withoutFeature(driver: Driver, feature: Feature): Driver {
  const { [feature]: _absent, ...features } = driver.capabilities.features;
  return withCapabilities(driver, { ...driver.capabilities, features });
}

/** Uses of a feature, each of which must be refused where it is absent. The types forbid them, hence the `never`s. */
const uses: Readonly<Record<Feature, readonly ((context: Context, client: AnyClient) => unknown)[]>> = {
  delay: [
    (context, client) => client.publish(context.topic(), 1, { delayMs: 1000 }),
    (context, client) => client.send(context.queue(), 1, { delayMs: 1000 }),
  ],
  ttl: [
    (context, client) => client.publish(context.topic(), 1, { ttlMs: 1000 }),
    (context, client) => client.send(context.queue(), 1, { ttlMs: 1000 }),
  ],
  ordering: [
    (context, client) => client.publish(context.topic<string>({ key: (value) => value }), "a"),
    (context, client) => client.send(context.queue<string>({ key: (value) => value }), "a"),
    (context, client) =>
      client.subscribe(context.topic<string>({ key: (value) => value }), { group: context.name() }, nothing),
  ],
  filters: [
    (context, client) =>
      client.subscribe(context.topic(), { group: context.name(), filter: { colour: "red" } }, nothing),
    (context, client) =>
      client.topology.declare({ topic: context.topic(), group: context.name(), filter: { colour: "red" } }),
  ],
  broadcast: [(context, client) => client.subscribe(context.topic(), { broadcast: true }, nothing)],
  replay: [
    (context, client) =>
      client.subscribe(context.topic({ retained: true }), { broadcast: true, start: "earliest" }, nothing),
  ],
  groupStart: [
    (context, client) =>
      client.subscribe(
        context.topic({ retained: true }),
        { group: context.name(), start: "earliest" },
        nothing,
      ),
    (context, client) =>
      client.topology.declare({
        topic: context.topic({ retained: true }),
        group: context.name(),
        start: "earliest",
      }),
  ],
  requestReply: [
    (context, client) => client.request(answering(context), 1 as never, { timeoutMs: 2000 }),
    (context, client) => client.respond(answering(context), nothing as never),
  ],
};

/**
 * The negative twin of every case that needs this feature: each use of it is an
 * `UnsupportedError` that names the adapter and a remedy, before any I/O.
 */
export async function provesRefusal(context: Context, feature: Feature): Promise<void> {
  const plain = context.driver();
  const { driver, calls } = watched(
    plain.capabilities.features[feature] === undefined ? plain : withoutFeature(plain, feature),
  );
  const client = await context.connect({}, driver);
  calls.length = 0;
  for (const use of uses[feature]) {
    const error = await failure(() => use(context, client), "UNSUPPORTED");
    assert.equal(error.details.adapter, driver.name, "the error names the adapter");
    assert((error.remedy ?? "").length > 0, "the error names a remedy");
    assert.deepEqual(calls, [], "refused before any I/O");
  }
  const required = await failure(() => connect(driver, { requires: [feature] }), "UNSUPPORTED");
  assert(MessagingError.isInstance(required));
  assert.deepEqual(calls, [], "`requires` is refused before any I/O");
}

const nothing = () => undefined;
const answering = (context: Context): AnyQueue => context.queue({ reply: {} });
