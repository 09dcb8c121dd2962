/**
 * What the layout rules let pass, each with its reason. A name that ends with a
 * slash is a folder with all in it. An entry that is no longer needed is a problem
 * too, so that these lists only ever hold what is true.
 */

/** What an adapter's `src/` has beyond the agreed list: a concept each that its broker needs and others do not. */
export const extraAdapterFiles = perAdapter({
  "event-hubs": {
    "access.ts": "Which namespace, how to reach it, and by what right, from all the ways to say so.",
    "amqp/": "Connections, tokens and links on rhea: what the vendor's client does its own way.",
    "checkpoints/": "The stores of a group's records: blobs, Redis, memory.",
    "delays/": "Event Hubs has no delay: a hub of rungs to wait on, and who moves on what is due.",
    "groups/": "Being a member: dividing the partitions, ownership, checkpoints, where a group begins.",
    "management-api.ts": "The namespace's HTTP API, which makes hubs and consumer groups.",
    "naming.ts": "Which names Event Hubs takes, and which messages of which hub an address stands for.",
    "native.ts": "The vendor's own clients, made when they are asked for.",
    "publishing/": "Batches by partition, the partition as the service chooses it, links kept open.",
    "reading/": "Partitions being read, in a group or without, and what was fetched of them.",
  },
  "google-pubsub": {
    "acking.ts": "Acks in requests that the service takes, with what became of each.",
    "clients.ts": "The vendor's three clients from one set of options.",
    "delivery.ts": "A delivery, with the lease that the service does not show.",
    "filters.ts": "Filters in the service's language, and what does not fit into it.",
    "header-packing.ts": "Headers beyond what an attribute can hold.",
    "hiding.ts": "Pub/Sub has no delay: keeps what is not due away until it is.",
    "holdings.ts": "All that a consumer has of the service's, for its bound and for handing back.",
    "naming.ts": "Portable names as ids of topics and subscriptions.",
    "publisher.ts": "Requests by topic and ordering key.",
    "puller.ts": "The pulls of one subscription, for as many as there is room for.",
    "pulse.ts": "Notices a connection on which nothing comes back any more.",
    "service.ts": "The few calls of the service, each made once.",
    "stand-ins.ts": "What each stand-in gets wrong.",
  },
  kafka: {
    "brokers.ts": "Addresses as text, in URLs and options.",
    "client.ts": "The few protocol calls needed, so that another client library can stand behind them.",
    "delays/": "Kafka has no delay: a topic of rungs to wait on, and who moves on what is due.",
    "fetching/":
      "One fetch loop for each broker, shared by the partitions read from it, in a group or without.",
    "groups/": "Being a member: joining, dividing the partitions, committed offsets, members that died.",
    "inbox.ts": "Replies of all clients share a topic; each reads its own.",
    "kafkajs/": "The calls of client.ts on kafkajs, with what is missing or broken there.",
    "naming.ts": "Which names Kafka takes, and which it takes for the same.",
    "publishing/": "Batches, by partition and leader, the partition as Kafka's own client chooses it.",
    "records/": "Record batches to and from the wire, with their checksum, which Node does not have.",
  },
  memory: {
    "broker/": "The embedded broker itself: what others get from a vendor.",
    "testing.ts": "`@waybill/memory/testing`.",
    "testing/": "`@waybill/memory/testing`.",
  },
  rabbitmq: {
    "declarations/":
      "Queues and exchanges as they should be, declared each on a channel of its own, since a refusal closes it.",
    "delays/": "RabbitMQ has no delay: waiting queues, and which of them stands for which delay.",
    "delivery.ts": "A delivery, and its place among what its channel has not settled.",
    "naming.ts": "Names within 255 bytes.",
    "node-connection.ts": "The first node of a cluster that answers.",
    "publishing/": "The confirm channel, its flow control, and one call's messages until all are confirmed.",
    "replay/": "Positions in a stream, and a group that begins in the past: it comes before the present.",
  },
  redis: {
    "client.ts": "The few commands needed, alike for a server and a cluster.",
    "delivery.ts": "A delivery, with the lease that Redis does not keep.",
    "entry-id.ts": "Comparing and counting on stream entry ids.",
    "intake/": "How members share a group's stream, or take turns where it is ordered.",
    "keys.ts": "The keys of everything that belongs to a topic or queue.",
    "naming.ts": "Portable names as keys.",
    "orphans.ts": "What consumers held whose connection was lost.",
    "packer.ts": "Arguments for scripts, packed.",
    "publisher.ts": "One script call for each batch.",
    "reading/": "The blocking read, watched, and what comes of it, in a group or without.",
    "scripts/": "What must happen at once on the server, one Lua script a file.",
    "server.ts": "What the server is and how it keeps its data.",
    "upkeep/": "What Redis does not do by itself: moves what is due, takes away what every group has acked.",
  },
  "sns-sqs": {
    "batches.ts": "Requests of ten, and the answers in which some of them failed.",
    "clients.ts": "The SDK's clients: long polls have one of their own.",
    "delivery.ts": "A delivery, with the lease that SQS does not tell.",
    "naming.ts": "Names of letters, digits, - and _, within 80.",
    "places/":
      "Queues and topics found by name, joined by subscriptions, who may write to them, and those that end with their client.",
    "publishing/": "Requests of ten, in order where there is one: ordering keys as message groups.",
    "receiving/":
      "Long polls, none of them broken off, and copies of what comes too early or goes back unhandled.",
  },
});

/** Files of more than 300 lines. */
export const longFiles: Readonly<Record<string, string>> = {
  "packages/conformance/src/suites/": "A suite is one file, however many short cases it has.",
  "packages/core/src/client/broker-client.ts": "Every method of the client, each of them short.",
  "packages/core/src/client/types.ts":
    "The whole public interface, to be read in one go; half of it is documentation.",
  "packages/core/test/": "A test file goes with a source file, however much there is to say of it.",
  "packages/kafka/src/kafkajs/link.ts": "One short method for each request of the protocol that is used.",
  "packages/kafka/src/groups/membership.ts":
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
