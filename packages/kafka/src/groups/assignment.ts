import { BinaryReader } from "../client/binary-reader.ts";
import type { EncodedAssignment } from "../client/kafka-client.ts";

/** The name members agree on: all that share a group id must assign alike. */
export const assignorName = "waybill-cooperative";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface Member {
  readonly memberId: string;
  readonly topics: readonly string[];
  /** What it reads now, and goes on reading while the group reorganises itself. */
  readonly owned: readonly TopicPartition[];
  /** When it came to own that: of two that claim one partition, the later is right. */
  readonly generation: number;
}

/**
 * Who reads what. Partitions of the same number go together over all topics of
 * the group, since one key has the same number in each of them. Members keep what
 * they have as far as that is fair. What is to move is given to nobody in this
 * round: its owner sees that it is missing, lets it go, and joins again; so nobody
 * else stops reading, and no partition has two readers (KIP-429's protocol).
 */
export function assign(
  members: readonly Member[],
  partitions: ReadonlyMap<string, number>,
): ReadonlyMap<string, readonly TopicPartition[]> {
  const count = Math.max(0, ...partitions.values());
  const owners = currentOwners(members);
  const target = fairTarget(
    members.map(({ memberId }) => memberId),
    owners,
    count,
  );
  const assigned = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]));
  for (let number = 0; number < count; number++) {
    const owner = owners.get(number);
    const next = target.get(number);
    if (next === undefined || (owner !== undefined && owner !== next)) continue;
    for (const [topic, size] of partitions) {
      if (number < size) assigned.get(next)?.push({ topic, partition: number });
    }
  }
  return assigned;
}

function currentOwners(members: readonly Member[]): Map<number, string> {
  const owners = new Map<number, Member>();
  for (const member of members) {
    for (const { partition } of member.owned) {
      const rival = owners.get(partition);
      if (rival === undefined || rival.generation < member.generation) owners.set(partition, member);
    }
  }
  return new Map([...owners].map(([partition, { memberId }]) => [partition, memberId]));
}

/** Everyone gets as many as the others, or one more; those that have most keep the one more. */
function fairTarget(
  memberIds: readonly string[],
  owners: ReadonlyMap<number, string>,
  count: number,
): ReadonlyMap<number, string> {
  const ownedBy = new Map<string, number[]>(memberIds.map((id) => [id, []]));
  for (let number = 0; number < count; number++) ownedBy.get(owners.get(number) ?? "")?.push(number);
  const mostFirst = [...ownedBy].sort(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1));
  const base = Math.floor(count / memberIds.length);
  let extra = count % memberIds.length;
  const target = new Map<number, string>();
  const room: string[] = [];
  for (const [memberId, numbers] of mostFirst) {
    const quota = base + (extra > 0 ? 1 : 0);
    if (extra > 0) extra--;
    for (const number of numbers.slice(0, quota)) target.set(number, memberId);
    for (let left = quota - numbers.length; left > 0; left--) room.push(memberId);
  }
  for (let number = 0; number < count; number++) {
    if (target.has(number)) continue;
    const memberId = room.shift();
    if (memberId !== undefined) target.set(number, memberId);
  }
  return target;
}

/** A member's subscription in the consumer protocol's format, version 1, with the generation as user data. */
export function encodeMember(member: Omit<Member, "memberId">): Buffer {
  const generation = Buffer.alloc(8);
  generation.writeInt32BE(4, 0);
  generation.writeInt32BE(member.generation, 4);
  return Buffer.concat([
    int16(1),
    int32(member.topics.length),
    ...member.topics.map(text),
    generation,
    encodePartitions(member.owned),
  ]);
}

export function decodeMember(memberId: string, metadata: Uint8Array): Member {
  const reader = new BinaryReader(metadata);
  reader.int16();
  const topics = reader.list(() => reader.string());
  const generation = reader.int32() === 4 ? reader.int32() : -1;
  return { memberId, topics, generation, owned: partitionsIn(reader) };
}

/** Assignments in the consumer protocol's format, so that Kafka's own tools can show them. */
export function encodeAssignments(
  assigned: ReadonlyMap<string, readonly TopicPartition[]>,
): readonly EncodedAssignment[] {
  return [...assigned].map(([memberId, partitions]) => ({
    memberId,
    assignment: Buffer.concat([int16(1), encodePartitions(partitions), int32(-1)]),
  }));
}

export function decodeAssignment(assignment: Uint8Array): readonly TopicPartition[] {
  if (assignment.length < 6) return [];
  const reader = new BinaryReader(assignment);
  reader.int16();
  return partitionsIn(reader);
}

function encodePartitions(partitions: readonly TopicPartition[]): Buffer {
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
  return Buffer.concat([
    int32(byTopic.size),
    ...[...byTopic].flatMap(([topic, own]) => [
      text(topic),
      int32(own.length),
      ...own.map(({ partition }) => int32(partition)),
    ]),
  ]);
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}

function partitionsIn(reader: BinaryReader): TopicPartition[] {
  return reader
    .list(() => {
      const topic = reader.string();
      return reader.list(() => ({ topic, partition: reader.int32() }));
    })
    .flat();
}
