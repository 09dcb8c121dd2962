import type { Variant } from "@waybill/conformance/model";
import type { Capabilities } from "@waybill/core/spi";
import { MemoryBroker, memory } from "@waybill/memory";

/** The embedded broker, with the capabilities changed so that core takes other ways with it. */
function memoryVariant(name: string, about: string, change: (native: Capabilities) => Capabilities): Variant {
  return {
    name,
    about,
    countsAttempts: true,
    open(clock, events) {
      const broker = new MemoryBroker({ clock });
      broker.observe(events);
      return {
        hasRequests: true,
        driver(leaseMs) {
          const probe = memory({ broker, leaseMs });
          const capabilities = change(probe.capabilities);
          const driver =
            capabilities.lease === undefined ? memory({ broker, leaseMs: longestLeaseMs }) : probe;
          return { ...driver, capabilities };
        },
        stop: () => broker.stop(),
        start: () => broker.start(),
        movePartitions() {},
        unsettled(name, group) {
          const { topics, queues } = broker.resources;
          const queue = group === undefined ? queues.get(name) : topics.get(name)?.groups.get(group);
          return queue === undefined ? 0 : queue.backlog + queue.held;
        },
      };
    },
  };
}

const longestLeaseMs = 43_200_000;

export const memoryVariants: readonly Variant[] = [
  memoryVariant(
    "leased",
    "Settled one by one, with leases; the broker delays retries itself.",
    (native) => native,
  ),
  memoryVariant("unleased", "The same without leases.", (native) => ({ ...native, lease: undefined })),
  memoryVariant("republished", "Settled one by one, with leases; retries are published again.", (native) => ({
    ...native,
    retry: { how: "republish" },
  })),
  memoryVariant(
    "no-delays",
    "Settled one by one; nothing can be delayed by the broker, retries wait in place.",
    (native) => {
      const { delay: _, ...features } = native.features;
      return { ...native, features, retry: { how: "republish" } };
    },
  ),
];
