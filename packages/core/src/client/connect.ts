import type { Client } from "../api/client.ts";
import type { ClientOptions, ConnectConfig } from "../api/options.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import type { Capabilities, Feature, FeaturesOf } from "../spi/capabilities.ts";
import type { Driver } from "../spi/driver.ts";
import { BrokerClient } from "./broker-client.ts";
import { checkDriver } from "./check-driver.ts";
import { checkKnownOptions, decideOptions } from "./decide-options.ts";
import { loadAdapter } from "./load-adapter.ts";

/** Connects with a driver: the client is typed by what that driver can do. */
export async function connect<C extends Capabilities>(
  driver: Driver<C>,
  options?: ClientOptions,
): Promise<Client<FeaturesOf<C>>>;
/** The same in one object. */
export async function connect<C extends Capabilities>(
  config: ClientOptions & { readonly driver: Driver<C>; readonly url?: undefined },
): Promise<Client<FeaturesOf<C>>>;
/**
 * Connects by URL: the client is typed by what `requires` names.
 * @throws MessagingError before any I/O when the URL, an option or a required
 * feature is not to be had; `UNREACHABLE` or `AUTHENTICATION_FAILED` afterwards.
 */
export async function connect<const R extends Feature = never>(
  url: string | URL,
  options?: ClientOptions<R>,
): Promise<Client<R>>;
/** Connects as one object says. */
export async function connect<const R extends Feature = never>(config: ConnectConfig<R>): Promise<Client<R>>;
export async function connect(
  target: string | URL | Driver | ConnectConfig | (ClientOptions & { readonly driver: Driver }),
  more: ClientOptions = {},
  // biome-ignore lint/suspicious/noExplicitAny: the overloads above are what callers see
): Promise<any> {
  const {
    url,
    driver: given,
    options,
  } = readable("The arguments of `connect`", () => {
    const found = read(target, more);
    checkKnownOptions(found.options);
    return found;
  });
  const driver: Driver = given ?? (await driverFor(url, options));
  const { endpoint, decided } = readable("The arguments of `connect`", () => {
    checkDriver(driver);
    return { endpoint: driver.endpoint ?? endpointIn(url), decided: decideOptions(options, driver) };
  });
  const client = new BrokerClient(driver, decided, endpoint);
  await client.open();
  return client;
}

interface Target {
  readonly url: string;
  readonly driver: Driver | undefined;
  readonly options: ClientOptions;
}

function read(target: unknown, more: ClientOptions): Target {
  if (typeof target === "string") return { url: target, driver: undefined, options: more };
  if (target instanceof URL) return { url: target.href, driver: undefined, options: more };
  if (typeof target === "object" && target !== null) {
    if ("specVersion" in target && "capabilities" in target)
      return { url: "", driver: target as Driver, options: more };
    const { url, driver, ...options } = target as ConnectConfig;
    if (Object.keys(more).length > 0) throw twofold("options, in its object and beside it");
    if (url !== undefined && driver !== undefined) throw twofold("a URL and a driver");
    if (typeof driver === "object" && driver !== null) return { url: "", driver, options };
    if (typeof url === "string") return { url, driver: undefined, options };
    if (url instanceof URL) return { url: url.href, driver: undefined, options };
  }
  throw new MessagingError(
    "INVALID_ARGUMENT",
    "`connect` takes a URL, a driver, or an object with one of them.",
    {
      remedy: 'For example: connect("memory:").',
    },
  );
}

/** What is given twice would have one of the two ignored. */
function twofold(what: string): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", `\`connect\` was given ${what}.`, {
    remedy: "Pass one of them.",
  });
}

/** Hosts and ports of a URL as an error may name them: no credentials, no query. `undefined` for a URL without any. */
function endpointIn(url: string): string | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^?#]*)/i.exec(url)?.[1] ?? "";
  // A password may hold any sign, so that only what follows the last @ is known to be none.
  const hosts = authority.slice(authority.lastIndexOf("@") + 1).split("/", 1)[0] ?? "";
  return /^[\w.,:[\]-]{1,300}$/.test(hosts) ? hosts : undefined;
}

async function driverFor(url: string, options: ClientOptions): Promise<Driver> {
  const adapter = await loadAdapter(url, options.adapters ?? []);
  try {
    return adapter.fromUrl(url, options.env ?? environment());
  } catch (cause) {
    if (MessagingError.isInstance(cause)) throw cause;
    // Without the cause: the runtime's own URL parser puts all of the URL, password included, into its error.
    throw new MessagingError("INVALID_ARGUMENT", `${adapter.name} cannot read this URL.`, {
      remedy: "Percent-encode what is not a letter or digit in its user name and password.",
    });
  }
}

/** The process environment, on runtimes that have one. */
function environment(): Readonly<Record<string, string | undefined>> {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env ?? {};
}
