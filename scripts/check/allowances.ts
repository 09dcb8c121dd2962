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
    "orphans.ts": "Members that could not say goodbye, taken over by who joins next.",
    "partitioner.ts": "The partition of a key, as Kafka's own client chooses it.",
    "patience.ts": "Trying again while something is known to be passing.",
    "publisher.ts": "Batches, by partition and leader.",
    "reader.ts": "Reading a topic without a group: broadcast and replay.",
    "record-decoding.ts": "Record batches from the wire.",
    "record-encoding.ts": "Record batches to the wire.",
  },
  memory: {
    "broker/": "The embedded broker itself: what others get from a vendor.",
    "testing.ts": "`@waybill/memory/testing`.",
    "testing/": "`@waybill/memory/testing`.",
  },
  rabbitmq: {
    "abortable.ts": "amqplib's promises know no abort signal.",
    "backfill.ts": "Copies the past out of a topic's stream for a group that begins there.",
    "control.ts": "Declarations, each on a channel of its own, since a refusal closes the channel.",
    "delay-levels.ts": "RabbitMQ has no delay: which of the waiting queues stand for which delay.",
    "delays.ts": "The waiting queues, made when they are needed.",
    "delivery.ts": "A delivery, and its place among what its channel has not settled.",
    "inequivalence.ts": "What differs, read from the broker's refusal of a declaration.",
    "naming.ts": "Names within 255 bytes.",
    "node-connection.ts": "The first node of a cluster that answers.",
    "past-first.ts": "A group's past comes before its present.",
    "publish-batch.ts": "One call's messages until all are confirmed.",
    "publisher.ts": "The confirm channel and its flow control.",
    "queue-specs.ts": "What each kind of address is on the broker.",
    "position.ts": "Where in a stream a time or a position is.",
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
  "packages/core/src/client/broker-client.ts": "Every method of the client, each of them short.",
  "packages/core/src/client/types.ts":
    "The whole public interface, to be read in one go; half of it is documentation.",
  "packages/core/test/": "A test file goes with a source file, however much there is to say of it.",
  "packages/kafka/src/kafkajs-link.ts": "One short method for each request of the protocol that is used.",
  "packages/kafka/src/membership.ts":
    "The state of one member: joining, beating and leaving change the same few fields.",
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
