import type { BrokerCredential } from "../recipe.ts";

/** `rabbitmq.conf` on loopback only. */
export function rabbitmqConfig(port: number, configFolder: string): string {
  return `${[
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    `definitions.local.path = ${configFolder}/definitions.json`,
    "definitions.import_backend = local_filesystem",
    "log.console = true",
    "log.console.level = info",
    "log.file = false",
    // Publishers are blocked beyond these; a test that fills a queue should not meet them by accident.
    "disk_free_limit.absolute = 50MB",
    "vm_memory_high_watermark.relative = 0.4",
  ].join("\n")}\n`;
}

/** The users and what they may, as definitions the server imports when it starts. */
export function rabbitmqDefinitions(credentials: readonly BrokerCredential[]): string {
  const vhost = "/";
  const pattern = (may: BrokerCredential["may"]) => (may === "everything" ? ".*" : "^$");
  return JSON.stringify({
    vhosts: [{ name: vhost }],
    users: credentials.map(({ username, password, may }) => ({
      name: username,
      password,
      tags: may === "everything" ? ["administrator"] : [],
    })),
    permissions: credentials.map(({ username, may }) => ({
      user: username,
      vhost,
      configure: pattern(may),
      write: pattern(may),
      read: pattern(may),
    })),
  });
}

export interface RabbitmqPorts {
  readonly amqp: number;
  readonly distribution: number;
  readonly epmd: number;
}

/** The environment of the server and of its port mapper, which find each other through it. */
export function rabbitmqEnvironment(ports: RabbitmqPorts, folder: string): Record<string, string> {
  return {
    LANG: "C.UTF-8",
    HOME: `${folder}/data`,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: String(ports.epmd),
    RABBITMQ_NODENAME: "waybill@localhost",
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(ports.amqp),
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_MNESIA_BASE: `${folder}/data`,
    RABBITMQ_LOG_BASE: `${folder}/log`,
    RABBITMQ_CONFIG_FILE: `${folder}/config/rabbitmq.conf`,
    ERL_CRASH_DUMP: `${folder}/log/erl_crash.dump`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/config/enabled_plugins`,
    // The start script puts itself between us and the Erlang machine unless input is allowed; then it becomes the
    // machine, whose pid is the one to kill. The machine itself is told to take no input.
    RABBITMQ_ALLOW_INPUT: "1",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-noinput -kernel inet_dist_use_interface {127,0,0,1}",
  };
}
