import type { GroupId, GroupStore } from "../checkpoints/store.ts";
import type { Lane } from "../reading/lane.ts";

/** How far a lane is done. */
export interface Mark {
  readonly lane: Lane;
  readonly sequenceNumber: number;
  readonly offset: string;
}

/**
 * Writes checkpoints: for each partition one at a time, and not more often than the
 * interval, since a store may charge for each of them. `flush` waits for nothing.
 */
export class Checkpointer {
  readonly #store: GroupStore;
  readonly #group: GroupId;
  readonly #intervalMs: number;
  readonly #writtenAt = new WeakMap<Lane, number>();
  #urgent = false;
  #hurry: (() => void) | undefined;

  constructor(store: GroupStore, group: GroupId, intervalMs: number) {
    this.#store = store;
    this.#group = group;
    this.#intervalMs = intervalMs;
  }

  /** Resolves when written; with the cause for each lane where that failed. Lanes that went meanwhile are left out. */
  async write(marks: readonly Mark[]): Promise<ReadonlyMap<Lane, unknown>> {
    await this.#due(marks);
    const failures = new Map<Lane, unknown>();
    await Promise.all(
      marks.map(async ({ lane, sequenceNumber, offset }) => {
        if (!lane.alive) return;
        this.#writtenAt.set(lane, performance.now());
        const { namespace, hub, consumerGroup } = this.#group;
        try {
          await this.#store.updateCheckpoint({
            fullyQualifiedNamespace: namespace,
            eventHubName: hub,
            consumerGroup,
            partitionId: lane.partition,
            sequenceNumber,
            offset,
          });
        } catch (cause) {
          failures.set(lane, cause);
        }
      }),
    );
    return failures;
  }

  /** From now on, or until called with false, nothing waits for the interval. */
  rush(urgent: boolean): void {
    this.#urgent = urgent;
    if (urgent) this.#hurry?.();
  }

  #due(marks: readonly Mark[]): Promise<void> {
    let waitMs = 0;
    for (const { lane } of marks) {
      const writtenAt = this.#writtenAt.get(lane);
      if (writtenAt !== undefined) {
        waitMs = Math.max(waitMs, writtenAt + this.#intervalMs - performance.now());
      }
    }
    if (waitMs <= 0 || this.#urgent) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#hurry = undefined;
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      this.#hurry = done;
    });
  }
}
