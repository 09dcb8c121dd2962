import type { Driver } from "./driver.ts";

/** What an adapter package exports as `adapter`, so that `connect(url)` can find its way to a driver. */
export interface Adapter {
  /** The package's short name, e.g. `kafka`. */
  readonly name: string;
  /** URL schemes without the colon, e.g. `["amqp", "amqps"]`. */
  readonly schemes: readonly string[];
  /**
   * A driver for this URL. Query parameters are the adapter's documented options;
   * an unknown one is an `UNKNOWN_OPTION`. Secrets may come from `env` instead.
   * Does no I/O.
   */
  fromUrl(url: string, env: Readonly<Record<string, string | undefined>>): Driver;
}
