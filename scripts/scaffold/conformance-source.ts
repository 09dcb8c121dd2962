/** `conformance.ts` of a new adapter: every part of the target that a broker with an address has, to be completed. */
export const conformanceSource = (name: string, X: string) => `import type {
  ConformanceTarget,
  Endpoint,
  ExternalClient,
  ExternalListener,
  ExternalMessage,
} from "@waybill/conformance";
import type { Address } from "@waybill/core/spi";
import { adapter } from "./index.ts";
import { settingsFromUrl } from "./options.ts";

const refusedSecret = "not-the-password-of-anyone";

/** What the conformance suite is pointed at. Each further part lets it prove more; \`extras\` come from where the broker was started. */
export function target(url: string, extras: Partial<ConformanceTarget> = {}): ConformanceTarget {
  const { host, port } = settingsFromUrl(url, {});
  return {
    adapter: "${name}",
    // \`through\` is the suite's proxy: every connection goes there instead.
    driver: (through) => adapter.fromUrl(variant(url, { ...through }), {}),
    endpoint: { host, port },
    url: {
      href: url,
      module: new URL(import.meta.url.endsWith(".ts") ? "./index.ts" : "./index.js", import.meta.url).href,
    },
    refused: () => adapter.fromUrl(variant(url, { username: "nobody", password: refusedSecret }), {}),
    refusedSecret,
    externalClient: async () => new ${X}ExternalClient(),
    ...extras,
  };
}

interface Changes extends Partial<Endpoint> {
  readonly username?: string;
  readonly password?: string;
}

/** The same URL, credentials included, but for these parts. */
function variant(url: string, { host, port, username, password }: Changes): string {
  const changed = new URL(url);
  if (host !== undefined) changed.hostname = host;
  if (port !== undefined) changed.port = String(port);
  if (username !== undefined) changed.username = username;
  if (password !== undefined) changed.password = password;
  return changed.href;
}

/** The vendor's client on its own, knowing nothing of Waybill. */
class ${X}ExternalClient implements ExternalClient {
  async publish(_to: Address, _message: ExternalMessage): Promise<void> {
    throw new Error("Publishing with the vendor's own client is not written yet.");
  }

  async listen(_from: Address): Promise<ExternalListener> {
    throw new Error("Reading with the vendor's own client is not written yet.");
  }

  async close(): Promise<void> {}
}
`;
