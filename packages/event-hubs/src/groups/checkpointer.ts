import type { EventHubsPartition } from "../receiving/partition.ts";
import type { GroupId, GroupStore } from "./checkpoint-store.ts";

/** How far a partition is done. */
export interface Progress {
  readonly partition: EventHubsPartition;
  readonly sequenceNumber: number;
  readonly offset: string;
}

interface WriteState {
  /** The furthest that is not in the store yet. */
  pending: Progress | undefined;
  writing: Promise<void> | undefined;
  timer: NodeJS.Timeout | undefined;
  writtenAt: number;
  failure: { readonly cause: unknown } | undefined;
}

/** The longest text that goes with a checkpoint, in characters: a blob has room for 8 KiB of metadata. */
export const longestNotes = 3_500;
/** After a failure it is tried again no sooner than this. */
const againMs = 200;

/**
 * Writes checkpoints, for each partition one at a time, and not more often than the
 * interval, since a store may charge for each of them. The latest goes; a crash repeats
 * at most what an interval brought.
 */
export class Checkpointer {
  readonly #store: GroupStore;
  readonly #group: GroupId;
  readonly #intervalMs: number;
  readonly #report: (cause: unknown) => void;
  readonly #states = new Map<EventHubsPartition, WriteState>();

  constructor(store: GroupStore, group: GroupId, intervalMs: number, report: (cause: unknown) => void) {
    this.#store = store;
    this.#group = group;
    this.#intervalMs = intervalMs;
    this.#report = report;
  }

  /** To be written within the interval. Returns why the partition's last write failed, if it did. */
  record(progress: Progress): { readonly cause: unknown } | undefined {
    const { partition, sequenceNumber, offset } = progress;
    const state = this.#stateOf(partition);
    if (partition.recorded.sequenceNumber < sequenceNumber) partition.recorded = { sequenceNumber, offset };
    if (state.pending === undefined || state.pending.sequenceNumber < progress.sequenceNumber)
      state.pending = progress;
    this.#schedule(partition, state, this.#intervalMs);
    return state.failure;
  }

  /** Resolves when what is recorded of these partitions is written, or has failed once more. */
  async flush(partitions: Iterable<EventHubsPartition>): Promise<void> {
    await Promise.all(
      [...partitions].map(async (partition) => {
        const state = this.#states.get(partition);
        if (state === undefined) return;
        await state.writing;
        await this.#write(partition, state);
      }),
    );
  }

  /** The partition is someone else's: nothing more is written for it. */
  forget(partition: EventHubsPartition): void {
    const state = this.#states.get(partition);
    this.#states.delete(partition);
    if (state !== undefined) {
      clearTimeout(state.timer);
      state.pending = undefined;
    }
  }

  #stateOf(partition: EventHubsPartition): WriteState {
    let state = this.#states.get(partition);
    if (state === undefined) {
      state = {
        pending: undefined,
        writing: undefined,
        timer: undefined,
        writtenAt: Number.NEGATIVE_INFINITY,
        failure: undefined,
      };
      this.#states.set(partition, state);
    }
    return state;
  }

  #schedule(partition: EventHubsPartition, state: WriteState, intervalMs: number): void {
    if (state.timer !== undefined || state.writing !== undefined || state.pending === undefined) return;
    const waitMs = state.writtenAt + intervalMs - performance.now();
    if (waitMs <= 0) void this.#write(partition, state);
    else state.timer = setTimeout(() => void this.#write(partition, state), waitMs);
  }

  #write(partition: EventHubsPartition, state: WriteState): Promise<void> {
    clearTimeout(state.timer);
    state.timer = undefined;
    const progress = state.pending;
    if (progress === undefined || state.writing !== undefined) return state.writing ?? Promise.resolve();
    state.pending = undefined;
    state.writtenAt = performance.now();
    const next = progress.sequenceNumber + 1;
    const { text } = partition.notes.write(next, longestNotes);
    state.writing = this.#store
      .updateCheckpoint({
        fullyQualifiedNamespace: this.#group.namespace,
        eventHubName: this.#group.hub,
        consumerGroup: this.#group.consumerGroup,
        partitionId: partition.partition,
        sequenceNumber: progress.sequenceNumber,
        offset: progress.offset,
        ...(text === "" ? {} : { notes: text }),
      })
      .then(
        () => {
          partition.notes.forgetBefore(next);
          state.failure = undefined;
        },
        (cause: unknown) => {
          if (state.failure === undefined) this.#report(cause);
          state.failure = { cause };
          if (this.#states.get(partition) === state) state.pending ??= progress;
        },
      )
      .then(() => {
        state.writing = undefined;
        const isFine = state.failure === undefined;
        this.#schedule(partition, state, isFine ? this.#intervalMs : Math.max(againMs, this.#intervalMs));
      });
    return state.writing;
  }
}
