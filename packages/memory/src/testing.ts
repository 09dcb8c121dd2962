import { MessagingError } from "@waybill/core/spi";
import { MemoryBroker } from "./broker/broker.ts";
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
 * @throws MessagingError `INVALID_ARGUMENT`
 */
export function observe(broker: MemoryBroker): Probe {
  if (!isBroker(broker)) {
    throw new MessagingError("INVALID_ARGUMENT", "The argument of `observe` is no embedded broker.", {
      remedy: "Pass a `new MemoryBroker()`, or a `namedBroker()`.",
    });
  }
  return new Probe(broker);
}

function isBroker(value: unknown): value is MemoryBroker {
  try {
    return value instanceof MemoryBroker;
  } catch {
    // A proxy that has been revoked.
    return false;
  }
}
