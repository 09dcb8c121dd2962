import type { ClusterConnections } from "../client/kafka-client.ts";
import type { Orphans } from "../groups/orphans.ts";
import type { Settings } from "../options.ts";

/** What all that consume on one connection share. */
export interface ConsumerContext {
  readonly settings: Settings;
  /** For short calls: heartbeats, commits, metadata. */
  readonly control: ClusterConnections;
  /** A set of connections that the consumer owns. */
  newConnections(): ClusterConnections;
  /** Something failed in the background that will be tried again. */
  report(cause: unknown): void;
  readonly orphans: Orphans;
  /** Fires when the connection is closed. */
  readonly signal: AbortSignal;
}
