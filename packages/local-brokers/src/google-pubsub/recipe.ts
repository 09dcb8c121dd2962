import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureGoProgram } from "../install/go-program.ts";
import { findJava } from "../install/java.ts";
import { type Endpoint, endpointOfUrl } from "../network/endpoint.ts";
import { BrokerProblem } from "../problem.ts";
import { findOnPath } from "../process/on-path.ts";
import type { BrokerRecipe, NativePlan, NativeSite } from "../recipe.ts";
import { oldestUsable, pinned } from "../versions.ts";
import { chosenEmulator, emulatorVariable, type PubsubEmulator } from "./chosen-emulator.ts";
import { type EmulatorJar, findEmulatorJar } from "./emulator-jar.ts";
import { probeGooglePubsub } from "./probe.ts";

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
    chosenEmulator(environment) === "pstest" ? null : `emulator ${pinned.pubsubEmulator}`,
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
  const chosen = chosenEmulator(site.environment);
  if (chosen === "pstest") return pstest(site);
  const jar = findEmulatorJar(site.environment);
  const java = jar === null ? null : await findJava(site.environment).catch(() => null);
  if (jar !== null && java !== null) return googleEmulator(java, jar, site);
  if (chosen === null && findOnPath("go", site.environment) !== null) return pstest(site);
  throw noEmulator(chosen, jar, java);
}

function noEmulator(
  chosen: PubsubEmulator | null,
  jar: EmulatorJar | null,
  java: string | null,
): BrokerProblem {
  const missing = [
    ...(jar === null ? ["Google's emulator (`gcloud components install pubsub-emulator`)"] : []),
    ...(java === null ? [`Java ${oldestUsable.java} or newer to run it`] : []),
  ].join(" and ");
  const remedies = [
    `install ${missing}`,
    "start a container engine",
    chosen === null ? `install Go ${oldestUsable.go} or newer to build pstest` : `unset ${emulatorVariable}`,
  ];
  return new BrokerProblem("this computer has no emulator of Google Pub/Sub that can be started", {
    broker: "google-pubsub",
    remedy: remedies.join("; or "),
  });
}

function googleEmulator(java: string, jar: EmulatorJar, site: NativeSite): NativePlan {
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
