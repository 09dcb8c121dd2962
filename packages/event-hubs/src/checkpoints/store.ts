import type { Checkpoint, CheckpointStore, PartitionOwnership } from "@azure/event-hubs";
import { MessagingError } from "@waybill/core/spi";
import type { Settings } from "../options.ts";

export type { Checkpoint, PartitionOwnership };

/** Which group of which hub: what a store files its records under. */
export interface GroupId {
  readonly namespace: string;
  readonly hub: string;
  readonly consumerGroup: string;
}

/** The vendor's four methods, and one that it lacks. */
export interface GroupStore extends CheckpointStore {
  /** Deletes all records of a group; of all the hub's groups, if none is named. */
  forget?(namespace: string, hub: string, consumerGroup?: string): Promise<void>;
  close?(): Promise<void>;
}

/** Opens the store that the options name; `undefined` where they name none. Does no I/O. */
export async function openStore(settings: Settings): Promise<GroupStore | undefined> {
  if (settings.checkpointStore !== undefined) return settings.checkpointStore;
  const { checkpoints } = settings;
  if (checkpoints === undefined) return undefined;
  const scheme = /^([a-z]+):/.exec(checkpoints)?.[1];
  switch (scheme) {
    case "memory":
      return (await import("./memory-store.ts")).memoryStore(checkpoints.slice("memory:".length));
    case "redis":
    case "rediss":
      return (await import("./redis-store.ts")).RedisStore.open(checkpoints);
    case "http":
    case "https":
      return (await import("./blob-store.ts")).BlobStore.open(checkpoints, settings.credential);
    default:
      throw new MessagingError(
        "INVALID_ARGUMENT",
        "event-hubs does not know this kind of checkpoint store.",
        {
          remedy:
            "Option checkpoints takes https://<account>.blob.core.windows.net/<container>, redis://… or memory:.",
        },
      );
  }
}

/** The error for those who need a store where none is configured. */
export function noStore(): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", "Groups and queues on Event Hubs need a checkpoint store.", {
    remedy:
      "Set the option checkpoints (or EVENTHUBS_CHECKPOINTS) to https://<account>.blob.core.windows.net/<container> or redis://<host>, or give a checkpointStore.",
  });
}
