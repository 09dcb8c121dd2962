/**
 * What the layout rules let pass, each with its reason. A name that ends with a
 * slash is a folder with all in it. An entry that is no longer needed is a problem
 * too, so that these lists only ever hold what is true.
 */

/** What an adapter's `src/` has beyond the agreed list: a concept each that its broker needs and others do not. */
export const extraAdapterFiles = perAdapter({
  kafka: {
    "assignment.ts": "How the members of a group divide the partitions.",
    "brokers.ts": "Addresses as text, in URLs and options.",
    "client.ts": "The few protocol calls needed, so that another client library can stand behind them.",
    "crc32c.ts": "The checksum of a record batch, which Node does not have.",
    "delays.ts": "Kafka has no delay: what waits, where and for how long.",
    "fetcher.ts": "One fetch loop for each broker, shared by all lanes on it.",
    "group-offsets.ts": "Where a group stands, without being a member.",
    "inbox.ts": "Replies of all clients share a topic; each reads its own.",
    "kafkajs-client.ts": "The calls of client.ts, on kafkajs.",
    "kafkajs-internals.ts": "Types for what kafkajs has and does not declare.",
    "kafkajs-link.ts": "One broker connection of kafkajs, with leaders and retries of requests.",
    "kafkajs-messages.ts": "Requests in the versions that this adapter speaks.",
    "kafkajs-repairs.ts": "What is broken in kafkajs and can be put right from outside.",
    "lane.ts": "One partition being read.",
    "lanes.ts": "All partitions of one consumer, taken from in turn.",
    "membership.ts": "Joining a group, heartbeats, rebalances.",
    "mover.ts": "Takes what is due out of a delay topic.",
    "movers.ts": "One mover for each destination, shared by its consumers.",
    "names.ts": "Which names Kafka takes, and which it takes for the same.",
    "partitioner.ts": "The partition of a key, as Kafka's own client chooses it.",
    "patience.ts": "Trying again while something is known to be passing.",
    "publisher.ts": "Batches, by partition and leader.",
    "reader.ts": "Reading a topic without a group: broadcast and replay.",
    "record-decoding.ts": "Record batches from the wire.",
    "record-encoding.ts": "Record batches to the wire.",
  },
  memory: {
    "backlog.ts": "The embedded broker: what waits, and in which order it goes out.",
    "broker.ts": "The embedded broker itself.",
    "delivery-queue.ts": "The embedded broker: messages and the members that compete for them.",
    "delivery.ts": "The embedded broker: one message on its way to one consumer.",
    "due-heap.ts": "The embedded broker: what is due first.",
    "due-times.ts": "The embedded broker: one timer for all that is due.",
    "filter.ts": "The embedded broker: filters.",
    "keyed-backlog.ts": "The embedded broker: the order of each key.",
    "leases.ts": "The embedded broker: when a delivery is taken back.",
    "linked-list.ts": "The embedded broker: a list from whose middle things are taken quickly.",
    "member.ts": "The embedded broker: one competitor for messages.",
    "message-log.ts": "The embedded broker: what is retained for replay.",
    "named-brokers.ts": "The brokers behind `memory:<name>`.",
    "places.ts": "The embedded broker: all that exists on it.",
    "testing.ts": "`@waybill/memory/testing`.",
    "testing/": "`@waybill/memory/testing`.",
    "topic.ts": "The embedded broker: a copy for every group.",
    "virtual-clock.ts": "Time that tests move on.",
  },
  redis: {
    "client.ts": "The few commands needed, alike for a server and a cluster.",
    "competing-intake.ts": "How members share a group's stream.",
    "delay-mover.ts": "Redis has no delay: moves what is due from a sorted set to its stream.",
    "deliveries.ts": "From stream entries to deliveries.",
    "delivery.ts": "A delivery, with the lease that Redis does not keep.",
    "entry-id.ts": "Comparing and counting on stream entry ids.",
    "exclusive-intake.ts": "How one member at a time keeps the order of an ordered stream.",
    "follower.ts": "Reading a stream without a group: broadcast, replay and replies.",
    "inlet.ts": "Between a core that asks and a read that may outlast the asking.",
    "intake.ts": "What the two ways of getting a group's messages have in common.",
    "keys.ts": "The keys of everything that belongs to a topic or queue.",
    "naming.ts": "Portable names as keys.",
    "orphans.ts": "What consumers held whose connection was lost.",
    "packer.ts": "Arguments for scripts, packed.",
    "publisher.ts": "One script call for each batch.",
    "reader.ts": "The blocking read, watched.",
    "scripts/": "What must happen at once on the server, one Lua script a file.",
    "server.ts": "What the server is and how it keeps its data.",
    "trimmer.ts": "Streams grow for ever: takes away what every group has acked.",
  },
});

/** Files of more than 300 lines. */
export const longFiles: Readonly<Record<string, string>> = {
  "packages/conformance/src/chapters/": "A chapter is one file, however many short cases it has.",
};

function perAdapter(
  table: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(table).flatMap(([adapter, reasons]) =>
      Object.entries(reasons).map(([name, reason]) => [`packages/${adapter}/src/${name}`, reason]),
    ),
  );
}
