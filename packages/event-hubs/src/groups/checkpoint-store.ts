import type { Checkpoint, CheckpointStore, PartitionOwnership } from "@azure/event-hubs";
import { MessagingError } from "@waybill/core/spi";

export type { PartitionOwnership };

/** Which group of which hub: what a store files its records under. */
export interface GroupId {
  readonly namespace: string;
  readonly hub: string;
  readonly consumerGroup: string;
}

/** The vendor's record, and what is to be known of messages behind it. */
export interface GroupCheckpoint extends Checkpoint {
  /** As `HandBackNotes` writes it: printable ASCII. A store that forgets it costs waiting retries their attempt and backoff. */
  readonly notes?: string | undefined;
}

/** The vendor's four methods, and one that it lacks. */
export interface GroupStore extends CheckpointStore {
  updateCheckpoint(checkpoint: GroupCheckpoint): Promise<void>;
  listCheckpoints(namespace: string, hub: string, consumerGroup: string): Promise<GroupCheckpoint[]>;
  /** Deletes all records of a group; of all the hub's groups, if none is named. */
  forget?(namespace: string, hub: string, consumerGroup?: string): Promise<void>;
  close?(): Promise<void>;
}

/** The error for those who need a store where none is configured. */
export function noStore(): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", "Groups and queues on Event Hubs need a checkpoint store.", {
    remedy:
      "Set the option checkpoints (or EVENTHUBS_CHECKPOINTS) to https://<account>.blob.core.windows.net/<container> or redis://<host>, or give a checkpointStore.",
  });
}
