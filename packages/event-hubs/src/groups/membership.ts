import { randomUUID } from "node:crypto";
import { derivedSeparator, systemClock, within } from "@waybill/core/spi";
import { type Plan, plan, planAll } from "./assignment.ts";
import type { GroupId, GroupStore, PartitionOwnership } from "./checkpoint-store.ts";
import { OwnerLiveness } from "./owner-liveness.ts";
import { renewedOf } from "./renewal.ts";

export interface MemberSettings {
  readonly group: GroupId;
  readonly partitions: readonly string[];
  /** `fair`: partitions are shared among members. `all`: whoever comes first has them all. */
  readonly share: "fair" | "all";
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly balanceIntervalMs: number;
}

/** What a member does with its partitions. */
export interface MemberEvents {
  /** These are this member's from now on. */
  assigned(partitions: readonly string[]): void;
  /** This one is to go to someone else. It is this member's until the result settles, which is waited for within a bound. */
  revoking(partition: string): Promise<void>;
  /** These are gone. */
  revoked(partitions: readonly string[]): void;
  /** Something failed that will be tried again. */
  report(cause: unknown): void;
  /** The store was out of reach for a whole session: others may have the partitions by now. */
  failed(cause: unknown): void;
}

/** What is not as it should be is looked at again this soon, and then less and less often. */
const soonMs = 100;
/** Own clocks and timers may be late by a little, and must not be later than those of others. */
const marginMs = 250;
/** Renewed several times in a session, so that one failure does not end it. */
const renewalsPerSession = 4;
/** How long giving the partitions back may take. */
const leaveTimeoutMs = 2_000;

/**
 * A member of a consumer group, by records in a checkpoint store: the vendor's own,
 * so that its tools and other languages' processors can read them. Its balancer is not
 * used, since it takes partitions from those who are still working on them. Here who has
 * too many releases some when its handlers are done. Members that own nothing yet show
 * themselves in slots, records of a group beside the group.
 */
export class GroupMember {
  readonly id = randomUUID();
  readonly #store: GroupStore;
  readonly #settings: MemberSettings;
  readonly #events: MemberEvents;
  readonly #owned = new Map<string, PartitionOwnership>();
  readonly #going = new Map<string, AbortController>();
  readonly #owners: OwnerLiveness;
  readonly #slots: OwnerLiveness;
  #slot: PartitionOwnership | undefined;
  /** When the last renewal that succeeded was sent: others begin to count later. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  #lastFailure: unknown = new Error("The checkpoint store did not answer for a whole session.");
  #pause = soonMs;
  #wasFair = false;
  /** Partitions that another reader took without asking, and until when they are left to it. */
  readonly #avoided = new Map<string, number>();
  #wake: (() => void) | undefined;
  #closing = false;
  #running: Promise<void> | undefined;
  #sessionTimer: NodeJS.Timeout | undefined;

  constructor(store: GroupStore, settings: MemberSettings, events: MemberEvents) {
    this.#store = store;
    this.#settings = settings;
    this.#events = events;
    this.#owners = new OwnerLiveness(settings.sessionTimeoutMs);
    this.#slots = new OwnerLiveness(settings.sessionTimeoutMs);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** A reader with another owner has begun on this partition: it is not ours, whatever the store says yet. */
  stolen(partition: string): void {
    if (!this.#owned.has(partition)) return;
    this.#avoided.set(partition, performance.now() + this.#settings.balanceIntervalMs);
    this.#lose([partition]);
  }

  /** Gives all partitions back, so that others have them at once. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    clearTimeout(this.#sessionTimer);
    for (const cancel of this.#going.values()) cancel.abort();
    this.#wake?.();
    await within(systemClock, leaveTimeoutMs, this.#leave());
  }

  async #leave(): Promise<void> {
    await this.#running;
    const records = [...this.#owned.values()];
    this.#owned.clear();
    if (this.#slot !== undefined) records.push(this.#slot);
    this.#slot = undefined;
    await Promise.all(records.map((record) => this.#giveBack(record)));
  }

  async #run(): Promise<void> {
    while (!this.#closing) {
      try {
        const fair = await this.#turn();
        const { balanceIntervalMs } = this.#settings;
        if (fair) this.#pause = balanceIntervalMs;
        else this.#pause = this.#wasFair ? soonMs : Math.min(balanceIntervalMs, this.#pause * 1.5);
        this.#wasFair = fair;
      } catch (cause) {
        this.#lastFailure = cause;
        if (!this.#closing) this.#events.report(cause);
        this.#pause = Math.min(1_000, this.#pause * 2);
      }
      await this.#rest(this.#pause);
    }
  }

  /** Renews, looks around, and takes or releases. Returns whether this member has its share. */
  async #turn(): Promise<boolean> {
    await this.#renew();
    const { group, partitions, share } = this.#settings;
    const query = [group.namespace, group.hub] as const;
    const [records, slots] = await Promise.all([
      this.#store.listOwnership(...query, group.consumerGroup),
      share === "fair" ? this.#store.listOwnership(...query, slotGroup(group)) : [],
    ]);
    if (this.#closing) return true;
    const now = performance.now();
    const wallClock = Date.now();
    const living = this.#owners.living(records, now, wallClock);
    const owners = new Map(living.map(({ partitionId, ownerId }) => [partitionId, ownerId]));
    // Our own books are newer than the listing; what we lost may still stand there in our name.
    for (const [partition, owner] of owners) {
      if (owner === this.id && !this.#owned.has(partition)) owners.delete(partition);
    }
    for (const partition of this.#owned.keys()) owners.set(partition, this.id);
    const members = this.#slots.living(slots, now, wallClock);
    if (share === "fair" && this.#slot === undefined) await this.#takeSlot(slots, members);
    const view = { me: this.id, partitions, owners, members: members.map(({ ownerId }) => ownerId) };
    const wanted: Plan = share === "fair" ? plan(view) : planAll(view);
    for (const partition of wanted.release) if (!this.#going.has(partition)) void this.#release(partition);
    const open = wanted.claim.filter((partition) => now >= (this.#avoided.get(partition) ?? 0));
    const claimed = await this.#claim(open, records);
    // What could be had was had; if it is not a fair share yet, others are still to release theirs.
    return wanted.fair || (share === "all" && claimed === open.length);
  }

  /** Own records anew, a few times in each session. Those that others have written are lost. */
  async #renew(): Promise<void> {
    const { sessionTimeoutMs } = this.#settings;
    const sentAt = performance.now();
    if (sentAt - this.#renewedAt < sessionTimeoutMs / renewalsPerSession) return;
    const records = [...this.#owned.values()];
    const renewed = await renewedOf(this.#store, records);
    const lost: string[] = [];
    for (const { partitionId } of records) {
      const record = renewed.get(partitionId);
      if (!this.#owned.has(partitionId)) {
        // It was given back meanwhile, by a tag that this renewal has made old.
        if (record !== undefined) void this.#giveBack(record);
      } else if (record === undefined) lost.push(partitionId);
      else this.#owned.set(partitionId, record);
    }
    this.#lose(lost);
    this.#renewed(sentAt);
    if (this.#slot !== undefined) [this.#slot] = await this.#store.claimOwnership([{ ...this.#slot }]);
  }

  async #claim(wanted: readonly string[], records: readonly PartitionOwnership[]): Promise<number> {
    if (wanted.length === 0 || this.#closing) return 0;
    const known = new Map(records.map((record) => [record.partitionId, record]));
    const sentAt = performance.now();
    const claimed = await this.#store.claimOwnership(
      wanted.map((partition) =>
        this.#record(this.#settings.group.consumerGroup, partition, known.get(partition)),
      ),
    );
    if (this.#owned.size === 0) this.#renewed(sentAt);
    for (const record of claimed) this.#owned.set(record.partitionId, record);
    // While it is being closed, nobody begins to read; `close` gives them back.
    if (claimed.length > 0 && !this.#closing) {
      this.#events.assigned(claimed.map(({ partitionId }) => partitionId));
    }
    return claimed.length;
  }

  /** The first slot that nobody living has, so that the number of records stays bounded. */
  async #takeSlot(
    slots: readonly PartitionOwnership[],
    living: readonly PartitionOwnership[],
  ): Promise<void> {
    const taken = new Set(living.map(({ partitionId }) => partitionId));
    let number = 0;
    while (taken.has(String(number))) number++;
    const before = slots.find(({ partitionId }) => partitionId === String(number));
    const { group } = this.#settings;
    [this.#slot] = await this.#store.claimOwnership([this.#record(slotGroup(group), String(number), before)]);
  }

  #record(
    consumerGroup: string,
    partitionId: string,
    before: PartitionOwnership | undefined,
  ): PartitionOwnership {
    const { namespace, hub } = this.#settings.group;
    return {
      fullyQualifiedNamespace: namespace,
      eventHubName: hub,
      consumerGroup,
      partitionId,
      ownerId: this.id,
      ...(before?.etag === undefined ? {} : { etag: before.etag }),
    };
  }

  async #release(partition: string): Promise<void> {
    const cancel = new AbortController();
    this.#going.set(partition, cancel);
    await within(systemClock, this.#settings.rebalanceTimeoutMs, this.#events.revoking(partition), {
      signal: cancel.signal,
    });
    this.#going.delete(partition);
    const record = this.#owned.get(partition);
    if (cancel.signal.aborted || record === undefined) return;
    this.#owned.delete(partition);
    this.#events.revoked([partition]);
    await this.#giveBack(record);
    this.#lookSoon();
  }

  /** A record without an owner is free for anyone (as in the vendor's own processors). */
  async #giveBack(record: PartitionOwnership): Promise<void> {
    try {
      await this.#store.claimOwnership([{ ...record, ownerId: "" }]);
    } catch (cause) {
      // It runs out by itself.
      if (!this.#closing) this.#events.report(cause);
    }
  }

  #lose(partitions: readonly string[]): void {
    if (partitions.length === 0) return;
    for (const partition of partitions) {
      this.#going.get(partition)?.abort();
      this.#owned.delete(partition);
    }
    this.#events.revoked(partitions);
  }

  #renewed(sentAt: number): void {
    this.#renewedAt = sentAt;
    clearTimeout(this.#sessionTimer);
    if (this.#closing) return;
    const left = sentAt + this.#settings.sessionTimeoutMs - marginMs - performance.now();
    this.#sessionTimer = setTimeout(() => this.#sessionOver(), Math.max(0, left));
  }

  /** Without a renewal for a whole session others take our partitions: stop before they start. */
  #sessionOver(): void {
    if (this.#closing) return;
    if (this.#owned.size === 0) return;
    this.#lose([...this.#owned.keys()]);
    this.#events.failed(this.#lastFailure);
  }

  #lookSoon(): void {
    this.#pause = soonMs;
    this.#wake?.();
  }

  #rest(ms: number): Promise<void> {
    const { sessionTimeoutMs } = this.#settings;
    // Renewals do not wait for the next look around; and not everybody looks at the same moment.
    const most = Math.min(ms * (0.9 + Math.random() * 0.2), sessionTimeoutMs / renewalsPerSession);
    if (this.#closing) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, most);
      this.#wake = done;
    });
  }
}

/** Where members of a group show themselves. No consumer group that was made by name has two dots. */
function slotGroup({ consumerGroup }: GroupId): string {
  return `${consumerGroup}${derivedSeparator}members`;
}
