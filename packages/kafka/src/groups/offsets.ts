import type { StartPosition } from "@waybill/core/spi";
import { MessagingError, shownText } from "@waybill/core/spi";
import type { ClusterConnections } from "../client/kafka-client.ts";
import { errorType } from "../errors.ts";
import { parsePosition } from "../mapping.ts";

/** The offset of every partition at which reading begins. */
export async function startOffsets(
  connections: ClusterConnections,
  topic: string,
  start: StartPosition,
): Promise<Map<number, number>> {
  const partitions = [...(await connections.leaders(topic, true)).keys()];
  switch (start.from) {
    case "earliest":
    case "latest":
      return connections.listOffsets(topic, partitions, start.from);
    case "time":
      return offsetsAtTime(connections, topic, partitions, start.timestamp);
    case "position": {
      const position = parsePosition(start.position);
      if (position === undefined) {
        throw new MessagingError(
          "INVALID_ARGUMENT",
          `"${shownText(start.position)}" is not a position of kafka.`,
          {
            remedy: "Give back the `position` of a delivery as it was.",
          },
        );
      }
      const offsets = await offsetsAtTime(connections, topic, partitions, position.timestamp);
      if (offsets.has(position.partition)) offsets.set(position.partition, position.offset);
      return offsets;
    }
  }
}

/** Where a partition has nothing that late, its end. */
async function offsetsAtTime(
  connections: ClusterConnections,
  topic: string,
  partitions: readonly number[],
  timestamp: number,
): Promise<Map<number, number>> {
  // The ends first: what arrives between the two questions is then not passed over.
  const ends = await connections.listOffsets(topic, partitions, "latest");
  const offsets = await connections.listOffsets(topic, partitions, timestamp);
  for (const [partition, offset] of offsets) if (offset < 0) offsets.set(partition, ends.get(partition) ?? 0);
  return offsets;
}

/**
 * Gives a new group its place in a topic, so that it keeps what comes before its
 * members do. A group that has one keeps it.
 */
export async function declareOffsets(
  connections: ClusterConnections,
  groupId: string,
  topic: string,
  start: StartPosition,
): Promise<void> {
  // Before the question whether there are any: of two processes that declare at once,
  // the later then writes offsets that are no later than what the other has declared.
  const offsets = await startOffsets(connections, topic, start);
  const committed = await connections.committedOffsets(groupId, topic, [...offsets.keys()]);
  for (const offset of committed.values()) if (offset >= 0) return;
  try {
    await connections.commitOffsets(
      { groupId, memberId: "", generation: -1 },
      [...offsets].map(([partition, offset]) => ({ topic, partition, offset })),
    );
  } catch (error) {
    // The group has members already, who see to their offsets themselves.
    if (!hasMembers.has(errorType(error) ?? "")) throw error;
  }
}

const hasMembers = new Set(["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS"]);
