import type { RedisClient } from "../client/redis-client.ts";
import type { RedisDelivery, Unsettled } from "../delivery.ts";
import type { EntryMapping } from "../mapping.ts";
import type { GroupKeys } from "../naming.ts";
import type { BlockingReader } from "../receiving/blocking-reader.ts";
import type { ReadBudget } from "../receiving/read-budget.ts";

/** How a group's messages are got: by competing for them, or as the one active member. */
export interface Intake {
  /** Waits a few seconds at most; resolves with deliveries, or none. More than `max` only if they were read ahead. */
  fetch(max: number): Promise<readonly RedisDelivery[]>;
  /** Ends a wait early, and waits no more. Resolves when nothing is read on the quiet. */
  interrupt(): Promise<void>;
  /** Whether the delivery may still be this consumer's: one whose lease has run out is not to be handed out. */
  isLeased(delivery: RedisDelivery, now: number): boolean;
  /** Whether the delivery is certainly still this consumer's, so that nobody need be asked. */
  trusts(delivery: RedisDelivery, now: number): boolean;
  /** Renews leases, where deliveries have their own; resolves with those that are somebody else's. */
  extend(deliveries: readonly RedisDelivery[]): Promise<readonly RedisDelivery[]>;
  /** Hands back what was not settled. What is not in `unsettled` does not count. */
  handBack(unsettled: Unsettled): Promise<void>;
}

/** What both kinds of intake work with. */
export interface IntakeContext {
  readonly keys: GroupKeys;
  /** The consumer's name in the group: never used before, never again. */
  readonly consumer: string;
  readonly reader: BlockingReader;
  readonly commands: RedisClient;
  readonly mapping: EntryMapping;
  readonly leaseMs: number;
  readonly budget: ReadBudget;
  /** Something is wrong that is not fatal. */
  readonly report: (cause: unknown) => void;
}
