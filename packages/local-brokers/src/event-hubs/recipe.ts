import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ensureNpmPackage } from "../install/npm-packages.ts";
import { type Endpoint, endpointOfUrl } from "../network/endpoint.ts";
import { findFreePort } from "../network/free-port.ts";
import { nodeProgram } from "../process/own-program.ts";
import type { BrokerRecipe, CompanionPlan, NativePlan, NativeSite } from "../recipe.ts";
import { eventHubsCredentials, sharedAccessKey } from "./key.ts";
import { probeEventHubs } from "./probe.ts";

const defaultPort = 5674;
const azuriteDefaultPort = 10_000;

/** Azure Event Hubs: Waybill's own emulator, and Azurite for the checkpoints of its consumer groups. */
export const eventHubs: BrokerRecipe = {
  name: "event-hubs",
  title: "Azure Event Hubs",
  defaultPort,
  // Who started the emulator by hand is taken to have an Azurite at its usual place.
  url: (port) => urlOf(port, azuriteDefaultPort),
  endpoint,
  probe: probeEventHubs,
  keepsData: true,
  // The hubs of Microsoft's image are those of its configuration file: no program can make one.
  imageVersion: () => null,
  prepareNative,
};

function urlOf(port: number, checkpointsPort: number): string {
  const { name, key } = sharedAccessKey;
  const checkpoints = `http://127.0.0.1:${checkpointsPort}/devstoreaccount1/waybill-checkpoints`;
  const query = `emulator=true&checkpoints=${encodeURIComponent(checkpoints)}`;
  return `eventhubs://${name}:${encodeURIComponent(key)}@127.0.0.1:${port}?${query}`;
}

/** The emulator's port, else that of AMQP over TLS; a short name is one of a namespace in Azure. */
function endpoint(url: string): Endpoint | null {
  const parsed = URL.parse(url);
  const found = endpointOfUrl(url, 5671);
  if (parsed === null || found === null) return null;
  if (parsed.searchParams.get("emulator") === "true") return endpointOfUrl(url, defaultPort);
  const host = found.host.includes(".") ? found.host : `${found.host}.servicebus.windows.net`;
  return { host, port: 5671, tls: true };
}

async function prepareNative(site: NativeSite): Promise<NativePlan> {
  const checkpointsPort = await findFreePort();
  const data = join(site.folder, "data");
  mkdirSync(data, { recursive: true });
  const { folder, version } = emulator();
  const { name, key } = sharedAccessKey;
  const args = ["--host", "127.0.0.1", "--port", String(site.port), "--data", data, "--key-name", name];
  const program = nodeProgram(join(folder, "bin/event-hubs-emulator.js"), args);
  return {
    version: `emulator ${version}`,
    url: urlOf(site.port, checkpointsPort),
    companions: [await azurite(site, checkpointsPort)],
    broker: {
      ...program,
      env: { ...program.env, EVENT_HUBS_EMULATOR_KEY: key },
      log: join(site.folder, "log/event-hubs.log"),
    },
    credentials: eventHubsCredentials(site.port),
  };
}

/** The package, which this one depends on. */
function emulator(): { folder: string; version: string } {
  const require = createRequire(import.meta.url);
  const manifest = "@waybill/event-hubs-emulator/package.json";
  const { version } = require(manifest) as { version: string };
  return { folder: dirname(require.resolve(manifest)), version };
}

/** The blob service that holds the checkpoints. It goes on running when the emulator is killed, as Azure's would. */
async function azurite(site: NativeSite, port: number): Promise<CompanionPlan> {
  const program = join(await ensureNpmPackage("azurite", site), "dist/src/blob/main.js");
  const location = join(site.folder, "checkpoints");
  mkdirSync(location, { recursive: true });
  const listening = ["--blobHost", "127.0.0.1", "--blobPort", String(port)];
  const quietly = ["--silent", "--disableTelemetry"];
  // A client may be newer than it, and says so in every request.
  const lenient = ["--skipApiVersionCheck"];
  return {
    ...nodeProgram(program, [...listening, "--location", location, ...quietly, ...lenient]),
    listensOn: port,
    log: join(site.folder, "log/azurite.log"),
  };
}
