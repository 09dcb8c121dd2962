import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureJars } from "../install/jars.ts";
import { findJava } from "../install/java.ts";
import { endpointOfUrl } from "../network/endpoint.ts";
import { findFreePort } from "../network/free-port.ts";
import { run } from "../process/run.ts";
import type { BrokerCredential, BrokerRecipe, NativePlan, NativeSite } from "../recipe.ts";
import { pinned } from "../versions.ts";
import { kafkaProperties, log4jProperties } from "./config.ts";
import { kafkaCredentials } from "./credentials.ts";
import { probeKafka } from "./probe.ts";

const defaultPort = 9092;

/** Apache Kafka: its own jars from Maven Central, one KRaft node. */
export const kafka: BrokerRecipe = {
  name: "kafka",
  title: "Apache Kafka",
  defaultPort,
  url: (port) => `kafka://127.0.0.1:${port}`,
  endpoint: (url) => endpointOfUrl(url, defaultPort),
  probe: probeKafka,
  keepsData: true,
  imageVersion: () => pinned.kafka,
  prepareNative,
};

const artifacts = [
  { group: "org.apache.kafka", artifact: "kafka_2.13", version: pinned.kafka },
  { group: "org.apache.logging.log4j", artifact: "log4j-slf4j-impl", version: pinned.log4jBinding },
];

async function prepareNative(site: NativeSite): Promise<NativePlan> {
  const java = await findJava(site.environment);
  const libs = await ensureJars(`kafka-${pinned.kafka}`, artifacts, site);
  const ports = { plain: site.port, sasl: await findFreePort(), controller: await findFreePort() };
  const credentials = kafkaCredentials(ports.sasl);

  const inSite = (name: string) => join(site.folder, name);
  for (const folder of ["config", "data", "tmp"]) mkdirSync(inSite(folder), { recursive: true });
  const config = inSite("config/server.properties");
  writeFileSync(config, kafkaProperties(ports, inSite("data"), credentials));
  writeFileSync(inSite("config/log4j2.properties"), log4jProperties);

  const jvm = [
    // Kafka unpacks compression libraries, and a killed JVM leaves them: keep them in the folder that is removed.
    `-Djava.io.tmpdir=${inSite("tmp")}`,
    "-XX:-UsePerfData",
    `-Dlog4j2.configurationFile=${inSite("config/log4j2.properties")}`,
    "-cp",
    join(libs, "*"),
  ];
  await site.progress.during("formatting Kafka's storage", () =>
    run(java, [
      "-XX:TieredStopAtLevel=1",
      ...jvm,
      "kafka.tools.StorageTool",
      ...formatting(config, credentials),
    ]),
  );
  return {
    version: pinned.kafka,
    companions: [],
    broker: {
      command: java,
      args: ["-Xmx512m", ...jvm, "kafka.Kafka", config],
      env: { PATH: "/usr/bin:/bin", LANG: "C.UTF-8" },
      log: inSite("log/kafka.log"),
    },
    credentials,
  };
}

/** Arguments that make an empty data folder; the SCRAM users have to be in it before the first start. */
function formatting(config: string, credentials: readonly BrokerCredential[]): string[] {
  const scramUsers = credentials.flatMap(({ username, password, mechanisms }) =>
    mechanisms
      .filter((mechanism) => mechanism.startsWith("SCRAM"))
      .flatMap((mechanism) => ["--add-scram", `${mechanism}=[name=${username},password=${password}]`]),
  );
  return ["format", "--cluster-id", newClusterId(), "--config", config, ...scramUsers];
}

/** 16 random bytes; one that begins with `-` would be taken for an option. */
function newClusterId(): string {
  const id = randomBytes(16).toString("base64url");
  return id.startsWith("-") ? newClusterId() : id;
}
