import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ensureNpmPackage } from "../install/npm-packages.ts";
import { type Endpoint, endpointOfUrl } from "../network/endpoint.ts";
import { ownProgram } from "../process/own-program.ts";
import type { BrokerRecipe, NativePlan, NativeSite } from "../recipe.ts";
import { pinned } from "../versions.ts";
import { probeSnsSqs } from "./probe.ts";

/** Amazon SNS and SQS: `fauxqs`, which keeps what it was given in SQLite. */
export const snsSqs: BrokerRecipe = {
  name: "sns-sqs",
  title: "SNS and SQS",
  defaultPort: 4566,
  url: (port) => `aws://local:local@us-east-1?endpoint=${encodeURIComponent(`http://127.0.0.1:${port}`)}`,
  endpoint,
  probe: probeSnsSqs,
  keepsData: true,
  // The program loses some of the data that it keeps. It is repaired here, which an image cannot be, and needs nothing but Node and npm.
  imageVersion: () => null,
  prepareNative,
};

/** `?endpoint=` where the URL has it, else SQS in its region. */
function endpoint(url: string): Endpoint | null {
  const parsed = URL.parse(url);
  const named = parsed?.searchParams.get("endpoint");
  if (named === null || named === undefined) {
    const region = parsed?.hostname;
    return region ? { host: `sqs.${region}.amazonaws.com`, port: 443, tls: true } : null;
  }
  const tls = named.startsWith("https:");
  const found = endpointOfUrl(named, tls ? 443 : 80);
  return found === null ? null : { ...found, tls };
}

async function prepareNative(site: NativeSite): Promise<NativePlan> {
  const fauxqs = await ensureNpmPackage("fauxqs", site);
  const data = join(site.folder, "data");
  mkdirSync(data, { recursive: true });
  return {
    version: `fauxqs ${pinned.fauxqs}`,
    companions: [],
    broker: {
      ...ownProgram(new URL("./fauxqs/serve", import.meta.url), [fauxqs, String(site.port), data]),
      log: join(site.folder, "log/fauxqs.log"),
    },
    credentials: [],
  };
}
