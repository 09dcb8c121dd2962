import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import {
  assign,
  decodeAssignment,
  decodeMember,
  encodeAssignments,
  encodeMember,
  type Member,
  type TopicPartition,
} from "../src/groups/assignment.ts";

const { AssignerProtocol } = createRequire(import.meta.url)("kafkajs");
const partitions = new Map([
  ["orders", 6],
  ["orders..billing..retry", 6],
]);

const member = (memberId: string, owned: readonly TopicPartition[] = [], generation = 1): Member => ({
  memberId,
  topics: [...partitions.keys()],
  owned,
  generation,
});

/** Rounds of rebalances until nothing moves. At no time do two members have one partition. */
function settle(start: readonly Member[]): { readonly members: readonly Member[]; readonly rounds: number } {
  let members = start;
  for (let rounds = 1; rounds < 10; rounds++) {
    const assigned = assign(members, partitions);
    const all = [...assigned.values()].flat().map(({ topic, partition }) => `${topic}-${partition}`);
    expect(new Set(all).size).toBe(all.length);
    for (const one of members) {
      for (const other of members) {
        if (one === other) continue;
        const given = assigned.get(other.memberId) ?? [];
        expect(one.owned.filter((mine) => given.some((theirs) => same(mine, theirs)))).toEqual([]);
      }
    }
    const next = members.map((one) => member(one.memberId, assigned.get(one.memberId), rounds + 1));
    const moved = next.some((one, i) => one.owned.length !== members[i]?.owned.length);
    members = next;
    if (!moved) return { members, rounds };
  }
  throw new Error("It never settles.");
}

const same = (a: TopicPartition, b: TopicPartition) => a.topic === b.topic && a.partition === b.partition;

describe("assigning partitions", () => {
  it("gives one member all, and the same numbers of every topic to one member", () => {
    const { members } = settle([member("a"), member("b"), member("c"), member("d")]);
    for (const { owned } of members) {
      const numbers = (topic: string) =>
        owned.filter((one) => one.topic === topic).map(({ partition }) => partition);
      expect(numbers("orders")).toEqual(numbers("orders..billing..retry"));
      expect([1, 2]).toContain(numbers("orders").length);
    }
    expect(settle([member("a")]).members[0]?.owned.length).toBe(12);
  });

  it("moves no more than it must when a member comes", () => {
    const [alone] = settle([member("a")]).members as [Member];
    const { members, rounds } = settle([alone, member("b")]);
    expect(members.map(({ owned }) => owned.length)).toEqual([6, 6]);
    expect(rounds).toBeLessThanOrEqual(3);
    const kept = members[0]?.owned ?? [];
    expect(kept.every((one) => alone.owned.some((was) => same(was, one)))).toBe(true);
  });

  it("gives a leaver's share to the others and leaves theirs alone", () => {
    const { members } = settle([member("a"), member("b"), member("c")]);
    const [a, b] = members as [Member, Member, Member];
    const after = settle([a, b]);
    expect(after.members.map(({ owned }) => owned.length)).toEqual([6, 6]);
    expect(a.owned.every((one) => after.members[0]?.owned.some((now) => same(now, one)))).toBe(true);
  });

  it("believes the later of two that claim one partition", () => {
    const claim = [{ topic: "orders", partition: 0 }];
    const assigned = assign([member("old", claim, 3), member("new", claim, 4)], partitions);
    expect(assigned.get("old")?.some((one) => same(one, claim[0] as TopicPartition))).toBe(false);
  });

  it("leaves members idle when there are more of them than partitions", () => {
    const { members } = settle(Array.from({ length: 8 }, (_, i) => member(`m${i}`)));
    expect(members.filter(({ owned }) => owned.length === 0).length).toBe(2);
  });
});

describe("the wire format", () => {
  it("is read back as it was written", () => {
    const one = member("a", [{ topic: "orders", partition: 3 }], 7);
    expect(decodeMember("a", encodeMember(one))).toEqual(one);
    const [encoded] = encodeAssignments(new Map([["a", one.owned]]));
    expect(decodeAssignment(encoded?.assignment ?? Buffer.alloc(0))).toEqual(one.owned);
    expect(decodeAssignment(Buffer.alloc(0))).toEqual([]);
  });

  it("is the one Kafka's tools read", () => {
    const one = member("a", [{ topic: "orders", partition: 3 }], 7);
    const decoded = AssignerProtocol.MemberMetadata.decode(encodeMember(one));
    expect(decoded.topics).toEqual(one.topics);
    const [encoded] = encodeAssignments(new Map([["a", one.owned]]));
    expect(AssignerProtocol.MemberAssignment.decode(encoded?.assignment).assignment).toEqual({ orders: [3] });
  });
});
