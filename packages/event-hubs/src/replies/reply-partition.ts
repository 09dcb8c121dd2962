import { createHash } from "node:crypto";

/** The partition of the reply hub by which an inbox is reached: the same for whoever asks. */
export function replyPartition(inbox: string, partitionIds: readonly string[]): string {
  const hash = createHash("sha256").update(inbox).digest().readUInt32BE(0);
  return partitionIds[hash % partitionIds.length] as string;
}
