import { randomUUID } from "node:crypto";
import type { GroupCheckpoint, GroupStore, PartitionOwnership } from "./checkpoint-store.ts";

/** Stores by name, so that several connections of this process share one. */
const stores = new Map<string, GroupStore>();

/** A store that ends with the process: for tests, or for a single consumer that always begins anew. */
export function memoryStore(name: string): GroupStore {
  let store = stores.get(name);
  if (store === undefined) {
    store = new MemoryStore();
    stores.set(name, store);
  }
  return store;
}

/** Keeps records as other stores do: copies, told apart by a tag that changes with every write. */
export class MemoryStore implements GroupStore {
  readonly #ownerships = new Map<string, PartitionOwnership>();
  readonly #checkpoints = new Map<string, GroupCheckpoint>();

  async listOwnership(namespace: string, hub: string, group: string): Promise<PartitionOwnership[]> {
    return under(this.#ownerships, prefixOf(namespace, hub, group));
  }

  async claimOwnership(claims: PartitionOwnership[]): Promise<PartitionOwnership[]> {
    const claimed: PartitionOwnership[] = [];
    for (const claim of claims) {
      const key = keyOf(claim);
      if (this.#ownerships.get(key)?.etag !== claim.etag) continue;
      const record = { ...claim, etag: randomUUID(), lastModifiedTimeInMs: Date.now() };
      this.#ownerships.set(key, record);
      claimed.push({ ...record });
    }
    return claimed;
  }

  async updateCheckpoint(checkpoint: GroupCheckpoint): Promise<void> {
    this.#checkpoints.set(keyOf(checkpoint), { ...checkpoint });
  }

  async listCheckpoints(namespace: string, hub: string, group: string): Promise<GroupCheckpoint[]> {
    return under(this.#checkpoints, prefixOf(namespace, hub, group));
  }

  async forget(namespace: string, hub: string, group?: string): Promise<void> {
    const prefix = prefixOf(namespace, hub, group);
    for (const records of [this.#ownerships, this.#checkpoints]) {
      for (const key of records.keys()) if (key.startsWith(prefix)) records.delete(key);
    }
  }
}

function under<T extends object>(records: ReadonlyMap<string, T>, prefix: string): T[] {
  return [...records].filter(([key]) => key.startsWith(prefix)).map(([, record]) => ({ ...record }));
}

function keyOf(record: PartitionOwnership | GroupCheckpoint): string {
  return (
    prefixOf(record.fullyQualifiedNamespace, record.eventHubName, record.consumerGroup) + record.partitionId
  );
}

/** Event Hubs tells no case apart. */
function prefixOf(namespace: string, hub: string, group?: string): string {
  return `${namespace}/${hub}/${group === undefined ? "" : `${group}/`}`.toLowerCase();
}
