/** What the proxy does to the bytes of a connection. */
export interface Conditions {
  /** Extra time for a round trip, in milliseconds: half of it each way. */
  readonly latencyMs: number;
  /** The most bytes per second, for each direction of each connection. */
  readonly bytesPerSecond: number;
  /** Which bytes vanish on the way while both sockets stay open. */
  readonly lost: "nothing" | "replies" | "everything";
}

/** A network that is only a wire. */
export const healthy: Conditions = {
  latencyMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  lost: "nothing",
};
