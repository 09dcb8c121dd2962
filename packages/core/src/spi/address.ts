/**
 * A place that messages go to or come from.
 *
 * | kind    | publish to it                               | consume from it                       |
 * |---------|---------------------------------------------|---------------------------------------|
 * | `topic` | every group gets a copy                     | ephemeral: live messages or a replay  |
 * | `group` | only this group of the topic (a retry or a redrive) | as a member of the group      |
 * | `queue` | one consumer gets it                        | as one of the competing consumers     |
 * | `inbox` | one client's reply path                     | exclusively, gone with its client     |
 */
export interface Address {
  readonly kind: "topic" | "group" | "queue" | "inbox";
  /** The portable name of the topic, queue or inbox: what the application calls it. */
  readonly name: string;
  /** The portable name of the group. Only for `group`. */
  readonly group: string | undefined;
  /** `name` on this broker: mapped by `Driver.naming`, prefix included. */
  readonly brokerName: string;
  /** `group` on this broker. */
  readonly brokerGroup: string | undefined;
  /** The contract asks for order per key: use what keeps it (one queue with one active consumer, a partition). */
  readonly ordered: boolean;
  /** The contract asks that messages be kept for replay and late groups. */
  readonly retained: boolean;
}

/** Where reading begins. Core gives one only where the feature for it is declared. */
export type StartPosition =
  | { readonly from: "latest" }
  | { readonly from: "earliest" }
  /** The first message stored at or after `timestamp` (milliseconds since the epoch). */
  | { readonly from: "time"; readonly timestamp: number }
  /** The message with this `ReceivedMessage.position`, and what follows it. */
  | { readonly from: "position"; readonly position: string };

/** One condition on a header. A string is equality; a list is any of them. */
export type HeaderCondition =
  | string
  | readonly string[]
  | { readonly prefix: string }
  | { readonly exists: boolean };

/** All conditions must hold. Keys are header names. */
export type Filter = Readonly<Record<string, HeaderCondition>>;

/** What to consume, and how. */
export interface Source {
  readonly address: Address;
  /** For a `topic`: where to start. For a `group`: where to start if the group is new. */
  readonly start: StartPosition;
  /**
   * Where `features.filters` is `native`, the driver delivers what matches and nothing
   * else. Where it is `emulated`, core drops what does not match, and a driver may spare
   * the broker some of it.
   */
  readonly filter: Filter | undefined;
  /** The most unsettled messages that core will hold: a driver must fetch no more than this ahead. */
  readonly prefetch: number;
  /**
   * The most bytes (bodies, keys and headers) that core will hold: a driver should fetch no
   * more than this ahead, as far as its broker tells sizes beforehand. One message always fits.
   * Where settlement is individual, what core has received and not settled counts as fetched;
   * where it is cumulative it does not, so that core and driver may hold so many each.
   */
  readonly prefetchBytes: number;
}
