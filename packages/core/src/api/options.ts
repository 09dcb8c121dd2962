import type { MessagingError } from "../errors/messaging-error.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Adapter } from "../spi/adapter.ts";
import type { Feature } from "../spi/capabilities.ts";
import type { Driver } from "../spi/driver.ts";
import type { HandleMiddleware, PublishMiddleware } from "./middleware.ts";
import type { Observer } from "./observer.ts";
import type { Logger } from "./reporting.ts";

/** Middleware for everything that a client publishes or handles. */
export interface ClientMiddleware {
  /** Around every publish and send, outermost first. */
  readonly publish?: readonly PublishMiddleware[] | undefined;
  /** Around every handler, outermost first. */
  readonly handle?: readonly HandleMiddleware[] | undefined;
}

/** Everything about a client that is not about its broker. */
export interface ClientOptions<R extends Feature = Feature> {
  /**
   * Features this application needs. With a URL they are what the client's type
   * offers; `connect` refuses before any I/O when the broker lacks one.
   */
  readonly requires?: readonly R[] | undefined;
  /**
   * What to do about topics, queues and groups when they are first used. `create`:
   * make what is missing. `verify`: refuse when something is missing or differs,
   * change nothing. `assume`: do not look. Default `create`.
   */
  readonly topology?: "create" | "verify" | "assume" | undefined;
  /** Goes before every topic and queue name on the broker, such as `staging.`. Groups keep theirs. */
  readonly prefix?: string | undefined;
  /** Portable name → name on the broker, for those that exist already. They get no prefix. */
  readonly names?: Readonly<Record<string, string>> | undefined;
  /** How long `connect` tries to reach the broker, in milliseconds. Default 10 000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long a publish may take until it is confirmed, its middleware and reconnects included, in milliseconds. Default 30 000. */
  readonly publishTimeoutMs?: number | undefined;
  /**
   * The most that may await confirmation, from the call of `publish` on, and as much again of requests that await their replies;
   * a publish or a request over it fails as `OVERLOADED`. Default 100 000 messages, 256 MiB.
   */
  readonly maxPending?:
    | { readonly messages?: number | undefined; readonly bytes?: number | undefined }
    | undefined;
  /** How long `close` lets running handlers go on, in milliseconds. Default 30 000. */
  readonly drainTimeoutMs?: number | undefined;
  /** The pauses between attempts to reconnect, in milliseconds. Default 100 to 5000. */
  readonly reconnect?:
    | { readonly initialMs?: number | undefined; readonly maxMs?: number | undefined }
    | undefined;
  readonly middleware?: ClientMiddleware | undefined;
  /**
   * Is told of trouble in the background: lost connections, late settlements, dropped requests,
   * failed subscriptions. All of it goes to `logger` too. What it throws is logged, and harms
   * nothing. Default: none.
   */
  readonly onError?: ((error: MessagingError) => void) | undefined;
  /**
   * Where the client writes, such as pino. Called as `logger.warn(data, message)`. Default: warnings
   * and errors go to the console, one line each, after `[waybill]`: code, what happened, remedy, and
   * the cause in brief. `console` itself gets all levels in that form, and stacks through
   * `console.debug`. `false` writes nothing.
   */
  readonly logger?: Logger | false | undefined;
  /** Sees everything that happens, for telemetry. Costs nothing when absent. */
  readonly observer?: Observer | undefined;
  /** Adapters of your own, or those that a bundler must see. Consulted before the known packages. */
  readonly adapters?: readonly Adapter[] | undefined;
  /** Where adapters look for secrets. Default: `process.env` where there is one. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** For tests: time that can be held still. */
  readonly clock?: Clock | undefined;
}

/** `connect` in one object: a URL or a driver, and the options. */
export type ConnectConfig<R extends Feature = Feature> = ClientOptions<R> &
  (
    | { readonly url: string | URL; readonly driver?: never }
    | { readonly driver: Driver; readonly url?: never }
  );
