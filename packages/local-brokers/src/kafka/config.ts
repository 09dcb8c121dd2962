import type { BrokerCredential } from "../recipe.ts";

export interface KafkaPorts {
  readonly plain: number;
  readonly sasl: number;
  readonly controller: number;
}

/** `server.properties` of one node that is broker and controller, on loopback only. */
export function kafkaProperties(
  ports: KafkaPorts,
  dataFolder: string,
  credentials: readonly BrokerCredential[],
): string {
  const superUsers = credentials.filter(({ may }) => may === "everything").map(({ username }) => username);
  const plainUsers = credentials.map(({ username, password }) => `user_${username}="${password}"`);
  const listeners = [
    `PLAINTEXT://127.0.0.1:${ports.plain}`,
    `SASL_PLAINTEXT://127.0.0.1:${ports.sasl}`,
    `CONTROLLER://127.0.0.1:${ports.controller}`,
  ];
  const jaas = (mechanism: string) => `listener.name.sasl_plaintext.${mechanism}.sasl.jaas.config`;
  const security = "org.apache.kafka.common.security";
  return properties({
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${ports.controller}`,
    listeners: listeners.join(","),
    "advertised.listeners": listeners.slice(0, 2).join(","),
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map":
      "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": dataFolder,

    // Publishing to a topic that does not exist must fail as NotFound and create nothing.
    "auto.create.topics.enable": false,
    "delete.topic.enable": true,

    // One node cannot keep more than one copy; few internal partitions make a quick start.
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,

    // A killed broker may register again only when the session it left has ended: 9 s by default.
    "broker.session.timeout.ms": 1500,
    "broker.heartbeat.interval.ms": 300,

    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": ["ANONYMOUS", ...superUsers].map((user) => `User:${user}`).join(";"),
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    [jaas("plain")]: `${security}.plain.PlainLoginModule required ${plainUsers.join(" ")};`,
    [jaas("scram-sha-256")]: `${security}.scram.ScramLoginModule required;`,
    [jaas("scram-sha-512")]: `${security}.scram.ScramLoginModule required;`,
  });
}

/** Logs to standard output, which goes to the broker's log file. */
export const log4jProperties = properties({
  "appender.console.type": "Console",
  "appender.console.name": "console",
  "appender.console.layout.type": "PatternLayout",
  "appender.console.layout.pattern": "%d{HH:mm:ss.SSS} %p %m (%c{1})%n",
  "rootLogger.level": "INFO",
  "rootLogger.appenderRef.console.ref": "console",
});

function properties(entries: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(entries)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}
