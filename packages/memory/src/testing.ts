import type { MemoryBroker } from "./broker/broker.ts";
import { Probe } from "./testing/probe.ts";

export type { DeadLettered, Handled, Published } from "./testing/observed.ts";
export type { Expectation, GroupExpectation, Named, Probe, WaitOptions } from "./testing/probe.ts";

/**
 * Watches a broker from now on, to assert what an application published, handled
 * and dead-lettered.
 *
 * ```ts
 * const clock = virtualClock();
 * const broker = new MemoryBroker({ clock });
 * const probe = observe(broker);
 * await using app = await start({ client: await connect(memory({ broker }), { clock }) });
 *
 * await app.placeOrder({ id: "o-1" });
 *
 * await probe.handled(OrderPlaced, { group: "billing", count: 1 });
 * await probe.idle();
 * ```
 */
export function observe(broker: MemoryBroker): Probe {
  return new Probe(broker);
}
