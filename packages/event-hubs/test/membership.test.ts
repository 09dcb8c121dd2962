import { afterEach, describe, expect, it, vi } from "vitest";
import { sleep, until } from "../../../scripts/testing/waiting.ts";
import type { GroupStore } from "../src/groups/checkpoint-store.ts";
import { GroupMember, type MemberEvents } from "../src/groups/membership.ts";
import { MemoryStore } from "../src/groups/memory-checkpoint-store.ts";

const partitions = ["0", "1", "2", "3"];
const group = { namespace: "ns", hub: "hub", consumerGroup: "group" };
const members: Player[] = [];

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(members.splice(0).map(({ member }) => member.close()));
});

/** A member, what it has, and what it was told. */
class Player {
  readonly own = new Set<string>();
  readonly told: string[] = [];
  readonly failures: unknown[] = [];
  readonly member: GroupMember;

  constructor(store: GroupStore, settings: object = {}, events: Partial<MemberEvents> = {}) {
    this.member = new GroupMember(
      store,
      {
        group,
        partitions,
        share: "fair",
        sessionTimeoutMs: 1_200,
        rebalanceTimeoutMs: 5_000,
        balanceIntervalMs: 100,
        ...settings,
      },
      {
        assigned: (gained) => {
          for (const one of gained) this.own.add(one);
        },
        revoking: async () => {},
        revoked: (lost) => {
          for (const one of lost) this.own.delete(one);
        },
        report: () => {},
        failed: (cause) => this.failures.push(cause),
        ...events,
      },
    );
    this.member.start();
    members.push(this);
  }
}

/** A store that can be out of reach. */
class Flaky extends MemoryStore {
  down = false;
  calls = 0;
  override async listOwnership(...query: Parameters<MemoryStore["listOwnership"]>) {
    this.#check();
    return super.listOwnership(...query);
  }
  override async claimOwnership(...claims: Parameters<MemoryStore["claimOwnership"]>) {
    this.#check();
    return super.claimOwnership(...claims);
  }
  #check(): void {
    this.calls++;
    if (this.down) throw new Error("the store is down");
  }
}

/** A store that has done what it was asked before it says so. */
class SlowToAnswer extends MemoryStore {
  isHeldUp = false;
  #answer: Promise<void> | undefined;

  /** Keeps back the answers to those who renew several records, until what it returns is called. */
  holdRenewals(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answer = promise;
    return resolve;
  }

  override async claimOwnership(...[claims]: Parameters<MemoryStore["claimOwnership"]>) {
    const claimed = await super.claimOwnership(claims);
    if (this.#answer !== undefined && claims.length > 1) {
      this.isHeldUp = true;
      await this.#answer;
    }
    return claimed;
  }
}

/** A store that now and then does what it was asked and fails all the same. */
class Forgetful extends MemoryStore {
  answersToLose = 0;
  renewals = 0;
  override async claimOwnership(...[claims]: Parameters<MemoryStore["claimOwnership"]>) {
    const claimed = await super.claimOwnership(claims);
    if (claims.length > 1) this.renewals++;
    if (claims.length === 1 || this.answersToLose === 0) return claimed;
    this.answersToLose--;
    throw new Error("the answer is lost");
  }
}

describe("members of a group", () => {
  it("share all partitions, and never have one twice", async () => {
    const store = new MemoryStore();
    const players = [new Player(store), new Player(store), new Player(store)];
    const twice: string[] = [];
    const watch = setInterval(() => {
      const all = players.flatMap(({ own }) => [...own]);
      if (new Set(all).size < all.length) twice.push(all.join());
    }, 1);
    await until(() => players.every(({ own }) => own.size >= 1 && own.size <= 2), 5_000);
    await until(() => players.reduce((sum, { own }) => sum + own.size, 0) === 4, 5_000);
    clearInterval(watch);
    expect(twice).toEqual([]);
  });

  it("let a newcomer have its share, but only once their handlers are done", async () => {
    const store = new MemoryStore();
    let finish: () => void = () => {};
    const going: string[] = [];
    const first = new Player(
      store,
      {},
      {
        revoking: (partition) => {
          going.push(partition);
          return new Promise<void>((resolve) => {
            const before = finish;
            finish = () => {
              before();
              resolve();
            };
          });
        },
      },
    );
    await until(() => first.own.size === 4);
    const second = new Player(store);
    await until(() => going.length === 2);
    await sleep(500);
    expect(second.own.size, "what is still being worked on").toBe(0);
    finish();
    await until(() => second.own.size === 2 && first.own.size === 2);
    expect([...second.own].toSorted()).toEqual(going.toSorted());
  });

  it("release what was just being renewed, so that nobody waits for its session", async () => {
    const store = new SlowToAnswer();
    const done = Promise.withResolvers<void>();
    const going: string[] = [];
    const revoking = (partition: string) => {
      going.push(partition);
      return done.promise;
    };
    const settings = { sessionTimeoutMs: 8_000 };
    const first = new Player(store, settings, { revoking });
    await until(() => first.own.size === 4);
    const second = new Player(store, settings);
    await until(() => going.length === 2);
    const answer = store.holdRenewals();
    await until(() => store.isHeldUp);
    done.resolve();
    await until(() => first.own.size === 2);
    answer();
    await until(() => second.own.size === 2, 3_000);
  });

  it("keep what a renewal has renewed, even if it fails for others or its answer is lost", async () => {
    const store = new Forgetful();
    const gone: string[] = [];
    const player = new Player(store, {}, { revoked: (lost) => gone.push(...lost) });
    await until(() => player.own.size === 4);
    store.answersToLose = 1;
    await until(() => store.answersToLose === 0);
    const { renewals } = store;
    await until(() => store.renewals >= renewals + 3);
    expect(gone).toEqual([]);
  });

  it("give all back when they close, so that others need not wait for their session", async () => {
    const store = new MemoryStore();
    const first = new Player(store, { sessionTimeoutMs: 60_000 });
    await until(() => first.own.size === 4);
    const second = new Player(store, { sessionTimeoutMs: 60_000 });
    await until(() => second.own.size === 2);
    await first.member.close();
    await until(() => second.own.size === 4, 2_000);
  });

  it("take what the dead had after their session, and not before", async () => {
    const store = new Flaky();
    const dead = new Player(store);
    await until(() => dead.own.size === 4);
    // Its calls get nowhere from now on, as if its process had stopped.
    const shared = new MemoryStore();
    for (const record of await store.listOwnership("ns", "hub", "group")) {
      await shared.claimOwnership([{ ...record, etag: undefined as never }]);
    }
    store.down = true;
    const startedAt = performance.now();
    const replacement = new Player(shared);
    await until(() => replacement.own.size === 4, 5_000);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1_200);
  });

  it("stop before their session is over when the store is out of reach, and say so", async () => {
    vi.useFakeTimers();
    const store = new Flaky();
    const player = new Player(store);
    await vi.advanceTimersByTimeAsync(10);
    expect(player.own.size).toBe(4);
    store.down = true;
    await vi.advanceTimersByTimeAsync(600);
    expect(player.own.size, "for a while it can safely go on").toBe(4);
    await vi.advanceTimersByTimeAsync(580);
    expect(player.own.size).toBe(0);
    expect(player.failures).toEqual([expect.objectContaining({ message: "the store is down" })]);
  });

  it("lose what another took without asking, as the vendor's balancer does", async () => {
    const store = new MemoryStore();
    const player = new Player(store);
    await until(() => player.own.size === 4);
    const [record] = await store.listOwnership("ns", "hub", "group");
    await store.claimOwnership([{ ...(record as NonNullable<typeof record>), ownerId: "thief" }]);
    await until(() => !player.own.has(record?.partitionId as string), 2_000);
    expect(player.own.size, "the thief has its share, and no more").toBe(2);
  });

  it("ask the store only a few times in a session once all is settled", async () => {
    const store = new Flaky();
    const player = new Player(store, { sessionTimeoutMs: 4_000, balanceIntervalMs: 1_000 });
    await until(() => player.own.size === 4);
    await sleep(300);
    store.calls = 0;
    await sleep(2_000);
    // A look at the group and at its newcomers each second, a renewal each second.
    expect(store.calls).toBeLessThanOrEqual(12);
  });

  it("keep the number of records bounded, however many members there have been", async () => {
    const store = new MemoryStore();
    for (let round = 0; round < 5; round++) {
      const player = new Player(store);
      await until(() => player.own.size === 4);
      await player.member.close();
    }
    expect(await store.listOwnership("ns", "hub", "group..members")).toHaveLength(1);
  });

  it("where the first has all, the second waits until it is needed", async () => {
    const store = new MemoryStore();
    const first = new Player(store, { share: "all" });
    await until(() => first.own.size === 4);
    const second = new Player(store, { share: "all" });
    await sleep(400);
    expect(second.own.size).toBe(0);
    await first.member.close();
    await until(() => second.own.size === 4, 2_000);
  });
});
