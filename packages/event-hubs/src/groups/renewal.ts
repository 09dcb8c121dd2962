import type { GroupStore, PartitionOwnership } from "./checkpoint-store.ts";

/**
 * Claims own records again; returns those that are still their owner's, by partition. A record whose
 * tag is not the one we know may be ours all the same: an earlier renewal was stored and its answer
 * lost, or it failed for another partition of the same call. So what was refused is looked at.
 */
export async function renewedOf(
  store: GroupStore,
  records: readonly PartitionOwnership[],
): Promise<ReadonlyMap<string, PartitionOwnership>> {
  const renewed = new Map<string, PartitionOwnership>();
  const claim = async (claims: readonly PartitionOwnership[]): Promise<void> => {
    if (claims.length === 0) return;
    const claimed = await store.claimOwnership(claims.map((record) => ({ ...record })));
    for (const record of claimed) renewed.set(record.partitionId, record);
  };
  await claim(records);
  const refused = records.filter(({ partitionId }) => !renewed.has(partitionId));
  const [first] = refused;
  if (first === undefined) return renewed;
  const { fullyQualifiedNamespace, eventHubName, consumerGroup } = first;
  const listed = await store.listOwnership(fullyQualifiedNamespace, eventHubName, consumerGroup);
  const isRefused = new Set(refused.map(({ partitionId }) => partitionId));
  await claim(
    listed.filter(({ partitionId, ownerId }) => isRefused.has(partitionId) && ownerId === first.ownerId),
  );
  return renewed;
}
