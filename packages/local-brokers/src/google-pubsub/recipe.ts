import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureGoProgram } from "../install/go-program.ts";
import { findJava } from "../install/java.ts";
import { type Endpoint, endpointOfUrl } from "../network/endpoint.ts";
import { BrokerProblem } from "../problem.ts";
import { findOnPath } from "../process/on-path.ts";
import type { BrokerRecipe, NativePlan, NativeSite } from "../recipe.ts";
import { pinned } from "../versions.ts";
import { type EmulatorJar, findEmulatorJar } from "./find-emulator.ts";
import { probeGooglePubsub } from "./probe.ts";
import { askedStandIn, standInVariable } from "./stand-in.ts";

const defaultPort = 8085;

/** Google Cloud Pub/Sub: Google's emulator where this computer has it, else `pstest` of its Go client. */
export const googlePubsub: BrokerRecipe = {
  name: "google-pubsub",
  title: "Google Pub/Sub",
  defaultPort,
  url: (port) => `pubsub://waybill-local?emulatorHost=127.0.0.1:${port}`,
  endpoint,
  probe: probeGooglePubsub,
  // Both hold everything in memory.
  keepsData: false,
  imageVersion: (environment) =>
    askedStandIn(environment) === "pstest" ? null : `emulator ${pinned.pubsubEmulator}`,
  prepareNative,
};

/** The emulator's where the URL names one, else the service's. */
function endpoint(url: string): Endpoint | null {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.hostname === "") return null;
  const emulator = parsed.searchParams.get("emulatorHost");
  if (emulator === null) return { host: "pubsub.googleapis.com", port: 443, tls: true };
  return endpointOfUrl(`pubsub://${emulator}`, defaultPort);
}

async function prepareNative(site: NativeSite): Promise<NativePlan> {
  const asked = askedStandIn(site.environment);
  if (asked === "pstest") return pstest(site);
  const jar = findEmulatorJar(site.environment);
  const java = jar === null ? null : await findJava(site.environment).catch(() => null);
  if (jar !== null && java !== null) return emulator(java, jar, site);
  if (asked === null && findOnPath("go", site.environment) !== null) return pstest(site);
  throw nothingToStart(asked, jar, java);
}

function nothingToStart(asked: string | null, jar: EmulatorJar | null, java: string | null): BrokerProblem {
  const missing = [
    ...(jar === null ? ["Google's emulator (`gcloud components install pubsub-emulator`)"] : []),
    ...(java === null ? ["Java 17 or newer to run it"] : []),
  ].join(" and ");
  const orGo = asked === null ? ", or Go to build its replacement" : "";
  return new BrokerProblem(`this computer has nothing to stand in for Google Pub/Sub`, {
    broker: "google-pubsub",
    remedy: `install ${missing}${orGo}; or start a container engine${asked === null ? "" : `; or unset ${standInVariable}`}`,
  });
}

function emulator(java: string, jar: EmulatorJar, site: NativeSite): NativePlan {
  const inSite = (name: string) => join(site.folder, name);
  for (const folder of ["config", "tmp"]) mkdirSync(inSite(folder), { recursive: true });
  // It logs every connection otherwise.
  writeFileSync(inSite("config/logging.properties"), loggingProperties);
  const jvm = [
    "-Xmx1g",
    "-XX:-UsePerfData",
    `-Djava.io.tmpdir=${inSite("tmp")}`,
    `-Djava.util.logging.config.file=${inSite("config/logging.properties")}`,
  ];
  return {
    version: `emulator ${jar.version}`,
    companions: [],
    broker: {
      command: java,
      args: [...jvm, "-jar", jar.file, "--host=127.0.0.1", `--port=${site.port}`],
      env: { PATH: "/usr/bin:/bin", LANG: "C.UTF-8" },
      log: inSite("log/pubsub-emulator.log"),
    },
    credentials: [],
  };
}

const loggingProperties = `handlers=java.util.logging.ConsoleHandler
.level=WARNING
`;

async function pstest(site: NativeSite): Promise<NativePlan> {
  return {
    version: `pstest ${pinned.pstest}`,
    companions: [],
    broker: {
      command: await ensureGoProgram("pstest", site),
      args: ["-port", String(site.port)],
      env: {},
      log: join(site.folder, "log/pstest.log"),
    },
    credentials: [],
  };
}
