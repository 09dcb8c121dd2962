import { setTimeout as sleep } from "node:timers/promises";
import { ExponentialBackoff, systemClock, within } from "@waybill/core/spi";
import type { ClusterConnections, PartitionOffset } from "../client/kafka-client.ts";
import { errorType, isTransient } from "../errors.ts";
import {
  assign,
  assignorName,
  decodeAssignment,
  decodeMember,
  encodeAssignments,
  encodeMember,
  type TopicPartition,
} from "./assignment.ts";
import type { Orphans } from "./orphans.ts";

export interface GroupSettings {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly orphans: Orphans;
}

/** What a member does with its partitions. */
export interface GroupEvents {
  /** These are this member's from now on. */
  assigned(partitions: readonly TopicPartition[]): void;
  /** These are to go to someone else. They are this member's until the result settles, which is waited for within a bound. */
  revoking(partitions: readonly TopicPartition[]): Promise<void>;
  /** These are gone. */
  revoked(partitions: readonly TopicPartition[]): void;
  /** Something failed that will be tried again. */
  report(cause: unknown): void;
  /** Whether commits get through. While they do not, whatever is handled may have to be handled again. */
  contact(good: boolean): void;
  /** The member cannot go on. */
  failed(cause: unknown): void;
}

/** Beyond the wait for handlers, a margin in which to commit and join again. */
const rejoinMarginMs = 10_000;
const partitionCheckMs = 60_000;
/** Timers may be late by a little, and must not be later than the broker's. */
const sessionMarginMs = 250;
const joinBackoff = { firstMs: 100, maxMs: 1_000 };
const commitBackoff = { firstMs: 20, maxMs: 500 };
/** Who gets these was taken for dead, or acts on what is no longer so. */
const fencing = new Set(["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "FENCED_INSTANCE_ID"]);

type Signal = "rejoin" | "fenced" | "closing";

/**
 * A member of a consumer group, by the classic protocol
 * (https://kafka.apache.org/protocol#The_Messages_JoinGroup) with incremental
 * rebalances. kafkajs's own consumer stops reading altogether for each of them, tells nobody
 * before it joins again, and so cannot hand a partition over in order.
 *
 * Joins wait at the broker and so have connections of their own; heartbeats, commits and
 * leaving take the shared ones.
 */
export class GroupMember {
  readonly #connections: ClusterConnections;
  readonly #control: ClusterConnections;
  readonly #settings: GroupSettings;
  readonly #events: GroupEvents;
  #memberId = "";
  #generation = -1;
  #isLeader = false;
  /** Between the answer to a join and its assignment, the broker takes no commits. */
  #syncing: Promise<unknown> | undefined;
  readonly #owned = new Map<string, TopicPartition>();
  /** Numbers of partitions on their way out, and how to stop waiting for them. */
  readonly #going = new Map<number, AbortController>();
  #partitionCounts = new Map<string, number>();
  #lastContact = performance.now();
  #lastFailure: unknown = new Error("The group's coordinator did not answer for a whole session.");
  #joining = false;
  #sessionTimer: NodeJS.Timeout | undefined;
  #signal: Signal | undefined;
  #wake: (() => void) | undefined;
  #closing = false;

  constructor(
    connections: ClusterConnections,
    control: ClusterConnections,
    settings: GroupSettings,
    events: GroupEvents,
  ) {
    this.#connections = connections;
    this.#control = control;
    this.#settings = settings;
    this.#events = events;
    this.#memberId = settings.orphans.adopt(settings.groupId) ?? "";
  }

  start(): void {
    void this.#run();
    void this.#beat();
    this.#watchSession();
  }

  /**
   * Commits what `offsets` names, asked anew before each try since partitions may go
   * meanwhile. Resolves when done, or when nothing is left to commit.
   */
  async commit(offsets: () => readonly PartitionOffset[], timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    const pauses = new ExponentialBackoff(commitBackoff);
    for (;;) {
      while (this.#syncing !== undefined) await this.#syncing;
      const current = offsets();
      if (current.length === 0) return;
      const generation = this.#generation;
      try {
        const sentAt = performance.now();
        await this.#control.commitOffsets(this.#identity(), current);
        this.#hadContact(sentAt);
        return;
      } catch (cause) {
        const type = errorType(cause) ?? "";
        if (fencing.has(type)) this.#fencedIf(generation);
        if (type === "REBALANCE_IN_PROGRESS") this.#give("rejoin");
        else if (!fencing.has(type)) {
          if (!isTransient(cause)) throw cause;
          this.#events.contact(false);
        }
        const waitMs = pauses.next();
        if (performance.now() + waitMs > deadline) throw cause;
        await sleep(waitMs);
      }
    }
  }

  /** Leaves the group, so that its partitions go to others at once. Its own connections must be closed before. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    clearTimeout(this.#sessionTimer);
    for (const cancel of this.#going.values()) cancel.abort();
    this.#give("closing");
    if (this.#memberId === "") return;
    const { groupId, orphans } = this.#settings;
    await this.#control
      .leaveGroup(groupId, this.#memberId)
      .catch(() => orphans.leave(groupId, this.#memberId));
  }

  async #run(): Promise<void> {
    const pauses = new ExponentialBackoff(joinBackoff);
    while (!this.#closing) {
      try {
        this.#signal = undefined;
        this.#joining = true;
        const assigned = await this.#join().finally(() => {
          this.#joining = false;
        });
        pauses.reset();
        this.#adopt(assigned);
        await this.#signalled();
        if (this.#taken() === "fenced") this.#loseAll();
      } catch (cause) {
        if (this.#closing) return;
        const type = errorType(cause) ?? "";
        if (fencing.has(type)) this.#loseAll();
        else if (type !== "REBALANCE_IN_PROGRESS") {
          this.#reportFailure(cause);
          const isOver = performance.now() - this.#lastContact >= this.#settings.sessionTimeoutMs;
          if (isOver || !isTransient(cause)) {
            this.#fail(cause);
            return;
          }
          await sleep(pauses.next());
        }
      }
    }
  }

  async #join(): Promise<readonly TopicPartition[]> {
    const { groupId, topics, sessionTimeoutMs, rebalanceTimeoutMs } = this.#settings;
    const answer = await this.#connections.joinGroup({
      groupId,
      memberId: this.#memberId,
      sessionTimeoutMs,
      rebalanceTimeoutMs: rebalanceTimeoutMs + rejoinMarginMs,
      protocol: assignorName,
      metadata: encodeMember({ topics, owned: [...this.#owned.values()], generation: this.#generation }),
      onMemberId: (memberId) => {
        this.#memberId = memberId;
      },
    });
    this.#memberId = answer.memberId;
    this.#generation = answer.generation;
    this.#isLeader = answer.isLeader;
    this.#lastContact = performance.now();
    const syncing = this.#sync(answer);
    this.#syncing = syncing
      .catch(() => {})
      .then(() => {
        this.#syncing = undefined;
      });
    const assigned = await syncing;
    this.#lastContact = performance.now();
    return assigned;
  }

  async #sync(
    answer: Awaited<ReturnType<ClusterConnections["joinGroup"]>>,
  ): Promise<readonly TopicPartition[]> {
    const plan = answer.isLeader ? await this.#plan(answer.members) : new Map();
    return decodeAssignment(await this.#connections.syncGroup(this.#identity(), encodeAssignments(plan)));
  }

  async #plan(encoded: readonly { readonly memberId: string; readonly metadata: Uint8Array }[]) {
    const members = encoded.map(({ memberId, metadata }) => decodeMember(memberId, metadata));
    const topics = new Set(members.flatMap((member) => member.topics));
    const counts = new Map<string, number>();
    for (const topic of topics) counts.set(topic, (await this.#connections.leaders(topic, true)).length);
    this.#partitionCounts = counts;
    return assign(members, counts);
  }

  /** Takes what is new, and begins to release what is not there any more. */
  #adopt(assigned: readonly TopicPartition[]): void {
    const wanted = new Map(assigned.map((one) => [nameOf(one), one]));
    const coming = [...wanted].filter(([name]) => !this.#owned.has(name));
    for (const [name, one] of coming) this.#owned.set(name, one);
    if (coming.length > 0) this.#events.assigned(coming.map(([, one]) => one));
    const going = [...this.#owned.values()].filter(
      (one) => !wanted.has(nameOf(one)) && !this.#going.has(one.partition),
    );
    // Each number on its own: one with a slow handler does not keep the others from moving.
    for (const [number, partitions] of Map.groupBy(going, ({ partition }) => partition)) {
      void this.#release(number, partitions);
    }
  }

  /** Releases partitions of one number when their handlers are done, and joins again so that others can have them. */
  async #release(number: number, partitions: readonly TopicPartition[]): Promise<void> {
    const cancel = new AbortController();
    this.#going.set(number, cancel);
    await within(systemClock, this.#settings.rebalanceTimeoutMs, this.#events.revoking(partitions), {
      signal: cancel.signal,
    });
    if (cancel.signal.aborted) return;
    this.#going.delete(number);
    for (const one of partitions) this.#owned.delete(nameOf(one));
    this.#events.revoked(partitions);
    this.#give("rejoin");
  }

  /** Heartbeats, for as long as this is a member: also while a join waits, since the partitions are still being read. */
  async #beat(): Promise<void> {
    for (let nextCheck = performance.now() + partitionCheckMs; !this.#closing; ) {
      await sleep(this.#settings.heartbeatIntervalMs);
      if (this.#closing) return;
      const generation = this.#generation;
      if (this.#memberId === "" || generation < 0) continue;
      const sentAt = performance.now();
      try {
        await this.#control.heartbeat(this.#identity());
        this.#hadContact(sentAt);
        if (this.#isLeader && sentAt > nextCheck) {
          nextCheck = sentAt + partitionCheckMs;
          if (await this.#hasGrown()) this.#give("rejoin");
        }
      } catch (cause) {
        const type = errorType(cause) ?? "";
        if (type === "REBALANCE_IN_PROGRESS") {
          this.#hadContact(sentAt);
          if (!this.#joining) this.#give("rejoin");
        } else if (fencing.has(type)) this.#fencedIf(generation);
        else {
          this.#events.contact(false);
          this.#reportFailure(cause);
        }
      }
    }
  }

  #hadContact(sentAt: number): void {
    this.#lastContact = sentAt;
    this.#events.contact(true);
  }

  /** While a join is under way the old generation may be refused; the join has the better answer. */
  #fencedIf(generation: number): void {
    if (!this.#joining && generation === this.#generation) this.#give("fenced");
  }

  async #hasGrown(): Promise<boolean> {
    for (const [topic, count] of this.#partitionCounts) {
      const now = await this.#control.leaders(topic, true);
      if (now.length !== count) return true;
    }
    return false;
  }

  /**
   * Without contact for a whole session, the broker gives our partitions to others:
   * stop before they start. The time counts from when the last good request was sent,
   * which is before the broker began to count.
   */
  #watchSession(): void {
    if (this.#closing) return;
    const left = this.#lastContact + this.#settings.sessionTimeoutMs - sessionMarginMs - performance.now();
    if (left <= 0 && this.#generation >= 0) this.#fail(this.#lastFailure);
    else this.#sessionTimer = setTimeout(() => this.#watchSession(), left > 0 ? left : sessionMarginMs);
  }

  #reportFailure(cause: unknown): void {
    this.#lastFailure = cause;
    // Coordinators that move are everyday life; the rest deserves a word.
    if (errorType(cause) === undefined) this.#events.report(cause);
  }

  #fail(cause: unknown): void {
    this.#closing = true;
    clearTimeout(this.#sessionTimer);
    const { groupId, orphans } = this.#settings;
    if (this.#memberId !== "") orphans.leave(groupId, this.#memberId);
    this.#loseAll();
    this.#give("closing");
    this.#events.failed(cause);
  }

  #loseAll(): void {
    this.#memberId = "";
    this.#generation = -1;
    for (const cancel of this.#going.values()) cancel.abort();
    this.#going.clear();
    const lost = [...this.#owned.values()];
    this.#owned.clear();
    if (lost.length > 0) this.#events.revoked(lost);
  }

  #identity() {
    return { groupId: this.#settings.groupId, memberId: this.#memberId, generation: this.#generation };
  }

  /** A later signal never weakens an earlier one. */
  #give(signal: Signal): void {
    if (this.#signal !== "fenced" || signal === "closing") this.#signal = signal;
    this.#wake?.();
  }

  #taken(): Signal | undefined {
    return this.#signal;
  }

  #signalled(): Promise<void> {
    if (this.#signal !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
