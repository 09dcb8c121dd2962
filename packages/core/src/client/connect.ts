import { MessagingError } from "../errors/messaging-error.ts";
import type { Capabilities, Feature, FeaturesOf } from "../spi/capabilities.ts";
import type { Driver } from "../spi/driver.ts";
import type { ClientOptions, ConnectConfig } from "./options.ts";
import type { Client } from "./types.ts";

/** Connects with a driver: the client is typed by what that driver can do. */
export async function connect<C extends Capabilities>(
  driver: Driver<C>,
  options?: ClientOptions,
): Promise<Client<FeaturesOf<C>>>;
/** Connects by URL: the client is typed by what `requires` names. */
export async function connect<const R extends Feature = never>(
  url: string | URL,
  options?: ClientOptions<R>,
): Promise<Client<R>>;
export async function connect<const R extends Feature = never>(config: ConnectConfig<R>): Promise<Client<R>>;
// biome-ignore lint/suspicious/noExplicitAny: the overloads above are what callers see
export async function connect(_target: unknown, _options?: unknown): Promise<any> {
  throw new MessagingError("CLOSED", "under construction");
}
