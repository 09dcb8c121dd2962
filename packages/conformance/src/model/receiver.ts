import type { Reception } from "./reception.ts";

/** Whoever should get every message of a destination: a queue's consumers, or one group of a topic. */
export interface Receiver {
  readonly to: string;
  readonly group: string | undefined;
  /** Since then, nothing has happened to its consumers that may repeat a delivery. */
  calmSince: number;
  /** Clients that have received for it. A single one knows every attempt. */
  readonly clients: Set<number>;
  /** How often its consumers were cut off from the broker. */
  losses: number;
  /** Consumers have lost deliveries without knowing it. */
  wasDeceived: boolean;
  /** Leases ran out, or will, and nobody was told: what comes behind may come before. */
  losesLeases: boolean;
  readonly receptions: Map<number, Reception>;
}

/** Deliveries that no handler saw may have been counted by the broker, and by nobody else. */
export function countsMayBeHigher({ wasDeceived, calmSince, clients }: Receiver): boolean {
  return wasDeceived || (calmSince > 0 && clients.size > 1);
}

/** What a violation calls it. */
export function place({ to, group }: Pick<Receiver, "to" | "group">): string {
  return group === undefined ? to : `${to}/${group}`;
}
