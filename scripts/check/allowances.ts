/**
 * What the layout rules let pass, each with its reason. A name that ends with a
 * slash is a folder with all in it. An entry that is no longer needed is a problem
 * too, so that these lists only ever hold what is true.
 */

/** What an adapter's `src/` has beyond the agreed files and folders. */
export const extraAdapterFiles: Readonly<Record<string, string>> = {
  "packages/memory/src/broker/": "The embedded broker itself: what others get from a vendor.",
  "packages/memory/src/testing.ts": "`@waybill/memory/testing`.",
  "packages/memory/src/testing/": "`@waybill/memory/testing`.",
};

/** What an adapter's `index.ts` exports beyond its factory and `adapter`. */
export const extraExports: Readonly<Record<string, readonly string[]>> = {
  // The embedded broker is there for applications to hold, too.
  memory: ["MemoryBroker", "namedBroker", "virtualClock"],
};

/** Files of more than 300 lines. */
export const longFiles: Readonly<Record<string, string>> = {
  "packages/conformance/src/suites/": "A suite is one file, however many short cases it has.",
  "packages/core/src/client/broker-client.ts": "Every method of the client, each of them short.",
  "packages/core/src/consuming/delivery-scheduler.ts":
    "Whose turn it is and what is held: starting, ending, losing and handing back change the same few fields.",
  "packages/core/src/consuming/subscription.ts":
    "The life of one subscription: beginning, recovering, reopening and draining change the same few fields.",
  "packages/core/test/": "A test file goes with a source file, however much there is to say of it.",
  "packages/kafka/src/client/kafkajs-connections.ts":
    "One short method for each request of the protocol that is used.",
  "packages/kafka/src/groups/membership.ts":
    "The state of one member: joining, beating and leaving change the same few fields.",
};
