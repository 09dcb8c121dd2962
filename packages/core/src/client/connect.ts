import type { Client } from "../api/client.ts";
import type { ClientOptions, ConnectConfig } from "../api/options.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { Capabilities, Feature, FeaturesOf } from "../spi/capabilities.ts";
import type { Driver } from "../spi/driver.ts";
import { BrokerClient } from "./broker-client.ts";
import { checkKnownOptions, decideOptions } from "./decide-options.ts";
import { loadAdapter } from "./load-adapter.ts";

/** Connects with a driver: the client is typed by what that driver can do. */
export async function connect<C extends Capabilities>(
  driver: Driver<C>,
  options?: ClientOptions,
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
  target: string | URL | Driver | ConnectConfig,
  more: ClientOptions = {},
  // biome-ignore lint/suspicious/noExplicitAny: the overloads above are what callers see
): Promise<any> {
  const { url, driver: given, options } = read(target, more);
  checkKnownOptions(options);
  const driver = given ?? (await driverFor(url, options));
  if (driver.specVersion !== "1") {
    throw new MessagingError(
      "INVALID_ARGUMENT",
      `The driver "${driver.name}" is made for another version of @waybill/core.`,
      {
        remedy: "Install versions of both that belong together.",
      },
    );
  }
  const client = new BrokerClient(driver, decideOptions(options, driver));
  await client.open();
  return client;
}

interface Target {
  readonly url: string;
  readonly driver: Driver | undefined;
  readonly options: ClientOptions;
}

function read(target: string | URL | Driver | ConnectConfig, more: ClientOptions): Target {
  if (typeof target === "string") return { url: target, driver: undefined, options: more };
  if (target instanceof URL) return { url: target.href, driver: undefined, options: more };
  if (typeof target === "object" && target !== null) {
    if ("specVersion" in target && "capabilities" in target)
      return { url: "", driver: target, options: more };
    const { url, driver, ...options } = target as ConnectConfig;
    if (driver !== undefined) return { url: "", driver, options };
    if (url !== undefined) return { url: String(url), driver: undefined, options };
  }
  throw new MessagingError(
    "INVALID_ARGUMENT",
    "`connect` takes a URL, a driver, or an object with one of them.",
    {
      remedy: 'For example: connect("memory:").',
    },
  );
}

async function driverFor(url: string, options: ClientOptions): Promise<Driver> {
  const adapter = await loadAdapter(url, options.adapters ?? []);
  try {
    return adapter.fromUrl(url, options.env ?? environment());
  } catch (cause) {
    if (MessagingError.isInstance(cause)) throw cause;
    // Without the cause: the runtime's own URL parser puts all of the URL, password included, into its error.
    throw new MessagingError("INVALID_ARGUMENT", `${adapter.name} cannot read this URL.`, {
      remedy: "Encode what is not a letter or digit in its user name and password.",
    });
  }
}

/** The process environment, on runtimes that have one. */
function environment(): Readonly<Record<string, string | undefined>> {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env ?? {};
}
