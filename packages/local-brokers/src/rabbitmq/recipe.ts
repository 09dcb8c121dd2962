import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endpointOfUrl } from "../network/endpoint.ts";
import { findFreePort } from "../network/free-port.ts";
import type { ProcessPlan } from "../process/launch.ts";
import type { BrokerRecipe, NativePlan, NativeSite } from "../recipe.ts";
import { pinned } from "../versions.ts";
import { rabbitmqConfig, rabbitmqDefinitions, rabbitmqEnvironment } from "./config.ts";
import { rabbitmqCredentials } from "./credentials.ts";
import { findRabbitmq } from "./find.ts";
import { probeRabbitmq } from "./probe.ts";

const defaultPort = 5672;

/** RabbitMQ: the one on PATH if it is new enough, else Debian's. */
export const rabbitmq: BrokerRecipe = {
  name: "rabbitmq",
  title: "RabbitMQ",
  defaultPort,
  url: (port) => `amqp://guest:guest@127.0.0.1:${port}`,
  endpoint: (url) => endpointOfUrl(url, defaultPort),
  probe: probeRabbitmq,
  keepsData: true,
  imageVersion: () => pinned.rabbitmqImage,
  prepareNative,
};

async function prepareNative(site: NativeSite): Promise<NativePlan> {
  const found = await findRabbitmq(site);
  const ports = { amqp: site.port, distribution: await findFreePort(), epmd: await findFreePort() };
  const credentials = rabbitmqCredentials(site.port);

  const { folder, path } = found.server;
  for (const name of ["config", "data", "log"]) mkdirSync(join(site.folder, name), { recursive: true });
  const write = (name: string, text: string) => writeFileSync(join(site.folder, "config", name), text);
  write("rabbitmq.conf", rabbitmqConfig(site.port, `${folder}/config`));
  write("definitions.json", rabbitmqDefinitions(credentials));
  write("enabled_plugins", "[].\n");

  const env = { ...rabbitmqEnvironment(ports, folder), PATH: path };
  const plan = ({ command, args }: typeof found.server, log: string): ProcessPlan => ({
    command,
    args,
    env,
    log: join(site.folder, "log", log),
  });
  return {
    version: found.version,
    // Left to itself, the server starts a port mapper that nobody would end.
    companions: [plan(found.epmd, "epmd.log")],
    broker: plan(found.server, "rabbitmq.log"),
    credentials,
  };
}
